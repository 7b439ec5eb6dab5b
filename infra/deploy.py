"""Deploys with the SAM command line, migrates the database, and sends a first message: `make deploy`.

An update migrates first, by the new code: what runs still knows a newer schema, but new code does not run on an older.

Asks once for what only the account's owner knows, and keeps the answers in `.aws-sam/deploy-<stage>.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from account import Account

ROOT = Path(__file__).resolve().parents[1]
DATABASE = """Which database shall it use?
  aurora    create Aurora PostgreSQL Serverless v2 (see docs/deploy.md for what it costs)
  arn:…     the ARN of a secret with the URL of your own Postgres (with pgvector)
Database: """
MODEL = """The ARN of the secret with your model provider's key; leave it empty for a provider that needs none.
Secret: """
EMPTY = '""'  # as the SAM command line reads it; a parameter left out would keep its last value
LIVE = "Qualifier=live"  # by the alias that callers use
TENANT = "TenantId=deployment"  # where every invocation has to name one
GREETING = {"text": "Hello! Are you there?"}


def main() -> None:
    """Deploy, migrate, greet; each step says what it does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--architecture", default="x86_64")
    parser.add_argument("--sam", default="sam", help="the SAM command line")
    parser.add_argument("--database", default="", help="aurora, or the ARN of a secret; asked for when not known")
    parser.add_argument("--model-secret", default=None, help="the ARN of a secret; asked for when not known")
    arguments = parser.parse_args()
    deployment = Deployment(sam=arguments.sam, stage=arguments.stage)
    parameters = deployment.answers(database=arguments.database, model_secret=arguments.model_secret)
    account = Account()
    say(f"== {deployment.stack} in {account.name}")
    if migrate := account.outputs(deployment.stack).get("MigrateFunctionName"):
        account.bring_out(migrate, archive_of(arguments.architecture), architecture=arguments.architecture)
        deployment.invoke("Migrating the database", migrate, {}, expected="schema_version")
    deployment.deploy({**parameters, "Architecture": arguments.architecture})
    outputs = account.outputs(deployment.stack)
    deployment.invoke("Checking the database", outputs["MigrateFunctionName"], {}, expected="schema_version")
    called = LIVE if outputs["MessageFunctionArn"].endswith(":live") else TENANT
    message = outputs["MessageFunctionName"]
    answer = deployment.invoke("Sending a first message", message, GREETING, expected="text", called=called)
    say(f"The agent says: {answer['text']}\n")
    for name in ("ApiUrl", "DashboardUrl", "Curl"):
        say(f"{name}: {outputs[name]}")


class Deployment:
    """One stage in the account that the AWS credentials belong to."""

    def __init__(self, *, sam: str, stage: str) -> None:
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        if stage not in config:
            sys.exit(f"deploy: samconfig.toml has no stage {stage!r}")
        self._sam = sam
        self._stage = stage
        self.stack = str(config[stage]["global"]["parameters"]["stack_name"])
        self._configured = str(config[stage]["deploy"]["parameters"]["parameter_overrides"]).split()
        self._kept = ROOT / ".aws-sam" / f"deploy-{stage}.json"

    def answers(self, *, database: str, model_secret: str | None) -> dict[str, str]:
        """The parameters that somebody has to choose: given, kept from the last time, or asked for now."""
        kept: dict[str, str] = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        chosen = database or kept.get("database") or asked(DATABASE, needed="DATABASE=aurora or DATABASE=arn:…")
        if chosen != "aurora" and not chosen.startswith("arn:"):
            sys.exit(
                "deploy: for the database, expected aurora, or the ARN of a secret (a URL belongs into the secret)"
            )
        secret = model_secret if model_secret is not None else kept.get("model_secret")
        if secret is None:
            secret = asked(MODEL, needed="MODEL_SECRET=arn:…, or MODEL_SECRET= for none")
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.write_text(json.dumps({"database": chosen, "model_secret": secret}))
        if chosen == "aurora":
            return {"Database": "aurora", "DatabaseSecretArn": "", "ModelSecretArn": secret}
        return {"Database": "existing", "DatabaseSecretArn": chosen, "ModelSecretArn": secret}

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Create or update the stack."""
        say("== Deploying")
        given = [f"{name}={value or EMPTY}" for name, value in parameters.items()]
        self._run("deploy", "--config-env", self._stage, "--parameter-overrides", *self._configured, *given)

    def invoke(self, what: str, function: str, event: object, *, expected: str, called: str = "") -> dict[str, Any]:
        """Invoke a function; an answer without the field `expected` ends the deployment with what it says."""
        say(f"== {what}")
        how = ("--parameter", called) if called else ()
        told = self._run("remote", "invoke", function, "--event", json.dumps(event), *how, captured=True)
        answer = as_json(told)
        if not isinstance(answer, dict) or expected not in answer:
            said = answer.get("error", answer) if isinstance(answer, dict) else answer
            sys.exit(f"deploy: {what.lower()} failed: {json.dumps(said)}\nSee the logs: make logs STAGE={self._stage}")
        return answer

    def _run(self, *arguments: str, captured: bool = False) -> str:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [self._sam, *arguments],
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
            check=False,
            text=True,
            stdout=subprocess.PIPE if captured else None,
        )
        if done.returncode != 0:
            sys.exit(f"deploy: sam {' '.join(arguments[:2])} failed")
        return done.stdout or ""


def archive_of(architecture: str) -> Path:
    """What `make build` has written."""
    return ROOT / ".aws-sam" / "archive" / f"mayfly-{architecture}.zip"


def as_json(text: str) -> Any:
    """What a function answered; as it stands where that is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def asked(question: str, *, needed: str) -> str:
    """What a person answers; without one, the deployment ends and says what to give."""
    if not sys.stdin.isatty():
        sys.exit(f"deploy: nobody to ask; give {needed}")
    return input(question).strip()


def say(line: str) -> None:
    """Write a line for people."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
