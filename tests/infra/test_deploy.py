"""`make deploy` against a SAM command line that plays the account: what it is asked, and what people are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"
OUTPUTS = {
    "MigrateFunctionName": "mayfly-dev-migrate",
    "MessageFunctionName": "mayfly-dev-message",
    "ApiUrl": "https://api.example",
    "DashboardUrl": "https://dashboard.example",
    "Curl": "curl https://api.example/v1/messages",
}
PLAYED = """#!{python}
import json, sys
from pathlib import Path
folder = Path(__file__).parent
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
answers = json.loads((folder / "answers.json").read_text())
name = " ".join(sys.argv[1:3]) + (" " + sys.argv[3] if sys.argv[2] == "invoke" else "")
print(json.dumps(answers.get(name, {{}})))
sys.exit(answers.get("exit", {{}}).get(sys.argv[1], 0))
"""


class Account:
    """A project folder of its own, whose `sam` answers as it is told and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "infra").mkdir()
        for name in ("infra/deploy.py", "samconfig.toml"):
            (folder / name).write_text((ROOT / name).read_text())
        self._sam = folder / "sam"
        self._sam.write_text(PLAYED.format(python=sys.executable))
        self._sam.chmod(0o755)
        self.answers: dict[str, Any] = {
            "list stack-outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()],
            "remote invoke mayfly-dev-migrate": {"applied": ["0001"], "schema_version": 1},
            "remote invoke mayfly-dev-message": {"text": "Here I am."},
        }

    def deploy(self, *arguments: str, stage: str = "dev") -> subprocess.CompletedProcess[str]:
        (self._folder / "answers.json").write_text(json.dumps(self.answers))
        command = [sys.executable, "infra/deploy.py", "--stage", stage, "--sam", str(self._sam), *arguments]
        return subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=60
        )

    @property
    def asked(self) -> list[list[str]]:
        told = self._folder / "asked"
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_it_deploys_then_migrates_then_sends_a_message_and_says_where_to_go(account: Account) -> None:
    done = account.deploy("--database", SECRET, "--model-secret", "")
    assert done.returncode == 0, done.stderr
    assert [" ".join(each[:2]) for each in account.asked] == [
        "deploy --config-env",
        "list stack-outputs",
        "remote invoke",
        "remote invoke",
    ]
    expected = {"Stage=dev", "Database=existing", f"DatabaseSecretArn={SECRET}", 'ModelSecretArn=""'}
    assert expected <= set(account.asked[0])
    assert [each[2] for each in account.asked[2:]] == ["mayfly-dev-migrate", "mayfly-dev-message"]
    assert "The agent says: Here I am." in done.stdout
    assert OUTPUTS["Curl"] in done.stdout


def test_answers_are_kept_for_the_next_time(account: Account) -> None:
    account.deploy("--database", "aurora", "--model-secret", SECRET)
    done = account.deploy()
    assert done.returncode == 0, done.stderr
    assert {"Database=aurora", f"ModelSecretArn={SECRET}"} <= set(account.asked[4])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "DATABASE=aurora"),
        (("--database", "aurora"), "MODEL_SECRET="),
        (("--database", "postgresql://user:hunter2@host/name", "--model-secret", ""), "expected aurora, or the ARN"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_is_deployed(
    account: Account, arguments: tuple[str, ...], says: str
) -> None:
    done = account.deploy(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert account.asked == []


def test_a_failed_migration_sends_no_message_and_shows_the_error(account: Account) -> None:
    account.answers["remote invoke mayfly-dev-migrate"] = {
        "error": {"code": "invalid-settings", "message": "no vector"}
    }
    done = account.deploy("--database", SECRET, "--model-secret", "")
    assert done.returncode == 1
    assert "no vector" in done.stderr
    assert "make logs STAGE=dev" in done.stderr
    assert len(account.asked) == 3


def test_a_failed_deployment_ends_there(account: Account) -> None:
    account.answers["exit"] = {"deploy": 1}
    done = account.deploy("--database", SECRET, "--model-secret", "")
    assert done.returncode == 1
    assert len(account.asked) == 1


def test_an_unknown_stage_is_named(account: Account) -> None:
    assert "'staging'" in account.deploy("--database", SECRET, stage="staging").stderr
