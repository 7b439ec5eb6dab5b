"""`make deploy` with a scripted `sam` and a local AWS server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest

from tests.databases import free_port
from tests.queues import CREDENTIALS, REGION, QueueServer, queue_server

ROOT = Path(__file__).parents[2]
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"
OUTPUTS = {
    "MigrateFunctionName": "mayfly-dev-migrate",
    "MessageFunctionName": "mayfly-dev-message",
    "MessageFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:mayfly-dev-message:live",
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
code = answers.get("exit", {{}}).get(sys.argv[1], 0)
if sys.argv[1] == "deploy" and code == 0:
    import boto3, botocore.exceptions
    outputs = {{name: {{"Value": value}} for name, value in answers["outputs"].items()}}
    template = {{"Resources": {{"Queue": {{"Type": "AWS::SQS::Queue"}}}}, "Outputs": outputs}}
    client = boto3.client("cloudformation")
    try:
        client.create_stack(StackName="mayfly-dev", TemplateBody=json.dumps(template))
    except botocore.exceptions.ClientError:
        pass  # it is there
sys.exit(code)
"""
ASSUMED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}],
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


class Account:
    """Project folder and empty account, with a `sam` that returns scripted answers."""

    def __init__(self, folder: Path, cloud: QueueServer) -> None:
        self._folder = folder
        (folder / "infra").mkdir()
        (folder / ".aws-sam" / "archive").mkdir(parents=True)
        for name in ("infra/deploy.py", "infra/account.py", "samconfig.toml"):
            (folder / name).write_text((ROOT / name).read_text())
        self.write_archive("new")
        self._sam = folder / "sam"
        self._sam.write_text(PLAYED.format(python=sys.executable))
        self._sam.chmod(0o755)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": cloud.endpoint,
            **CREDENTIALS,
        }
        httpx2.post(f"{cloud.endpoint}/moto-api/reset").raise_for_status()
        self._cloud = cloud
        self.answers: dict[str, Any] = {
            "outputs": OUTPUTS,
            "remote invoke mayfly-dev-migrate": {"applied": ["0001"], "schema_version": 1},
            "remote invoke mayfly-dev-message": {"text": "Here I am."},
        }

    def write_archive(self, content: str) -> None:
        with zipfile.ZipFile(self._folder / ".aws-sam" / "archive" / "mayfly-x86_64.zip", "w") as archive:
            archive.writestr("handlers/migrate.py", content)

    def client(self, service: str) -> Any:
        named = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
        return boto3.client(service, endpoint_url=self._cloud.endpoint, **named)

    def has_migrate_function(self) -> None:
        """Create the migration function of an earlier deployment."""
        role = self.client("iam").create_role(RoleName="migrate", AssumeRolePolicyDocument=json.dumps(ASSUMED))
        self.client("lambda").create_function(
            FunctionName="mayfly-dev-migrate",
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="handlers.migrate.handler",
            Code={"ZipFile": (self._folder / ".aws-sam" / "archive" / "mayfly-x86_64.zip").read_bytes()},
        )

    def code(self) -> str:
        """Return the digest of the migration function's code."""
        found: str = self.client("lambda").get_function(FunctionName="mayfly-dev-migrate")["Configuration"][
            "CodeSha256"
        ]
        return found

    def deploy(self, *arguments: str, stage: str = "dev") -> subprocess.CompletedProcess[str]:
        (self._folder / "answers.json").write_text(json.dumps(self.answers))
        command = [sys.executable, "infra/deploy.py", "--stage", stage, "--sam", str(self._sam), *arguments]
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )

    @property
    def asked(self) -> list[list[str]]:
        log = self._folder / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def steps(self) -> list[str]:
        return [" ".join(each[:3]) if each[0] == "remote" else each[0] for each in self.asked]


@pytest.fixture
def account(tmp_path: Path, cloud: QueueServer) -> Account:
    return Account(tmp_path, cloud)


def test_it_deploys_migrates_sends_a_message_and_prints_the_addresses(account: Account) -> None:
    done = account.deploy("--database", SECRET, "--model-secret", "")
    assert done.returncode == 0, done.stderr
    assert account.steps == ["deploy", "remote invoke mayfly-dev-migrate", "remote invoke mayfly-dev-message"]
    expected = {"Stage=dev", "Database=existing", f"DatabaseSecretArn={SECRET}", 'ModelSecretArn=""'}
    assert expected <= set(account.asked[0])
    assert account.asked[2][-2:] == ["--parameter", "Qualifier=live"]  # as callers do
    assert "== mayfly-dev in account 123456789012, region eu-central-1" in done.stdout
    assert "The agent says: Here I am." in done.stdout
    assert OUTPUTS["Curl"] in done.stdout


def test_an_update_migrates_with_the_new_code_first(account: Account) -> None:
    account.deploy("--database", "aurora", "--model-secret", SECRET)
    account.has_migrate_function()
    before = account.code()
    account.write_archive("newer")
    done = account.deploy()
    assert done.returncode == 0, done.stderr
    assert account.steps[3:] == ["remote invoke mayfly-dev-migrate", *account.steps[:3]]
    assert account.code() != before


def test_a_failed_migration_does_not_change_the_running_deployment(account: Account) -> None:
    account.deploy("--database", "aurora", "--model-secret", SECRET)
    account.has_migrate_function()
    account.answers["remote invoke mayfly-dev-migrate"] = {"error": {"message": "no vector"}}
    done = account.deploy()
    assert done.returncode == 1
    assert "no vector" in done.stderr
    assert account.steps[3:] == ["remote invoke mayfly-dev-migrate"]


def test_with_tenant_isolation_the_message_names_a_tenant(account: Account) -> None:
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:mayfly-dev-message"
    account.answers["outputs"] = {**OUTPUTS, "MessageFunctionArn": arn}
    done = account.deploy("--database", "aurora", "--model-secret", SECRET)
    assert done.returncode == 0, done.stderr
    assert account.asked[2][-2:] == ["--parameter", "TenantId=deployment"]


def test_answers_are_stored_for_the_next_deployment(account: Account) -> None:
    account.answers["exit"] = {"deploy": 1}
    account.deploy("--database", "aurora", "--model-secret", SECRET)
    account.deploy()
    assert {"Database=aurora", f"ModelSecretArn={SECRET}"} <= set(account.asked[1])


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no AWS credentials: run `aws configure`"),
        (("AWS_DEFAULT_REGION",), "no AWS region: set AWS_REGION"),
    ],
)
def test_missing_credentials_or_region_print_the_next_step(
    account: Account, missing: tuple[str, ...], says: str
) -> None:
    for name in missing:
        del account.environment[name]
    done = account.deploy("--database", "aurora", "--model-secret", "")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert account.asked == []


def test_an_unreachable_account_is_one_line(account: Account) -> None:
    account.environment |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "AWS_MAX_ATTEMPTS": "1"}
    done = account.deploy("--database", "aurora", "--model-secret", "")
    assert done.returncode == 1
    assert "deploy: Could not connect to the endpoint URL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "DATABASE=aurora"),
        (("--database", "aurora"), "MODEL_SECRET="),
        (("--database", "postgresql://user:hunter2@host/name", "--model-secret", ""), "must be aurora or the ARN"),
    ],
)
def test_missing_or_invalid_answers_end_the_deployment_before_it_starts(
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
    assert account.steps == ["deploy", "remote invoke mayfly-dev-migrate"]


def test_a_failed_deployment_ends_there(account: Account) -> None:
    account.answers["exit"] = {"deploy": 1}
    done = account.deploy("--database", SECRET, "--model-secret", "")
    assert done.returncode == 1
    assert len(account.asked) == 1


def test_an_unknown_stage_is_named(account: Account) -> None:
    assert "'staging'" in account.deploy("--database", SECRET, stage="staging").stderr
