"""`mayfly character check`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli.terminal import mayfly


def test_valid_and_invalid_files_are_distinguished(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps({"name": "Ada", "bio": "Counts things."}))
    (tmp_path / "bad.json").write_text(json.dumps({"name": "Ada", "messageExamples": [[{"user": "a", "content": 5}]]}))
    (tmp_path / "broken.json").write_text('{"name": ')
    done = mayfly("character", "check", "good.json", "bad.json", "broken.json", "nowhere.json", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == "ok     good.json: Ada\n"
    bad, broken, nowhere = done.stderr.splitlines()
    assert bad.startswith("error  bad.json: messageExamples[0][0].content: ")
    assert "got 5" in bad
    assert broken.startswith("error  broken.json: not JSON")
    assert nowhere == "error  nowhere.json: cannot be read: No such file or directory"


def test_files_that_are_all_right_are_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps({"name": "Ada"}))
    assert mayfly("character", "check", "good.json", folder=tmp_path).returncode == 0


def test_no_file_is_a_usage_error(tmp_path: Path) -> None:
    assert mayfly("character", "check", folder=tmp_path).returncode == 2


def test_unused_fields_are_listed(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"name": "Ada", "clients": ["discord"], "modelProvider": "openai"}))
    done = mayfly("character", "check", "old.json", folder=tmp_path)
    assert done.stdout == "ok     old.json: Ada; kept but not used: clients, modelProvider\n"
