"""SnapStart: a snapshot holds nothing that copies cannot share; each copy answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.model_server import ScriptedModelServer

ROOT = Path(__file__).parents[2]


def test_copies_of_a_snapshot_have_connections_and_randomness_of_their_own(
    postgres_url: str, model_server: ScriptedModelServer
) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "mayfly",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "DATABASE_URL": postgres_url,
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model_server.base_url,
        "AGENTS": "tests.integration.agents:AGENTS",
    }
    command = [sys.executable, "-m", "tests.integration.snapshot_process"]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["before"] >= 2  # the database and the model
    assert said["after"] == 0
    texts = [each["answer"]["text"] for each in said["copies"]]
    assert texts == ["You said: From copy 0", "You said: From copy 1"]
    assert len({each["drawn"] for each in said["copies"]}) == 2
    assert len({each["answer"]["run_id"] for each in said["copies"]}) == 2


def test_without_snapstart_no_hook_is_registered() -> None:
    code = "import runtime_core.aws.environment, sys; sys.exit('snapshot_restore_py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0
