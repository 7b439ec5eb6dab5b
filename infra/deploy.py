"""`make deploy`: deploys with `sam`, migrates the database and sends a message.

An update migrates first, with the new code: the running code supports a newer schema, but the new
code does not support an older one.

The script asks once for the database and the model secret, and stores the answers in
`.aws-sam/deploy-<stage>.json`.
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
DATABASE = """Which database should the deployment use?
  aurora    create Aurora PostgreSQL Serverless v2 (docs/deploy.md lists its cost)
  arn:…     the ARN of a secret with the URL of your own Postgres (with pgvector)
Database: """
MODEL = """Which secret has your model provider's key? Enter its ARN, or nothing for a provider without a key.
Secret: """
EMPTY = '""'  # an empty value in `sam`'s syntax; an omitted parameter would keep its last value
LIVE = "Qualifier=live"  # the alias of the callers
TENANT = "TenantId=deployment"  # for functions with tenant isolation, which need a tenant id per invocation
GREETING = {"text": "Hello! Are you there?"}


def main() -> None:
    """Deploy, migrate and send a message, printing each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--architecture", default="x86_64")
    parser.add_argument("--sam", default="sam", help="the SAM command line")
    parser.add_argument("--database", default="", help="aurora, or the ARN of a secret; default: the stored answer")
    parser.add_argument("--model-secret", default=None, help="the ARN of a secret; default: the stored answer")
    arguments = parser.parse_args()
    deployment = Deployment(sam=arguments.sam, stage=arguments.stage)
    parameters = deployment.choose_parameters(database=arguments.database, model_secret=arguments.model_secret)
    account = Account()
    say(f"== {deployment.stack} in {account.name}")
    if migrate := account.outputs(deployment.stack).get("MigrateFunctionName"):
        account.update_code(migrate, archive_of(arguments.architecture), architecture=arguments.architecture)
        deployment.invoke("Migrating the database", migrate, {}, expected="schema_version")
    deployment.deploy({**parameters, "Architecture": arguments.architecture})
    outputs = account.outputs(deployment.stack)
    deployment.invoke("Checking the database", outputs["MigrateFunctionName"], {}, expected="schema_version")
    target = LIVE if outputs["MessageFunctionArn"].endswith(":live") else TENANT
    message = outputs["MessageFunctionName"]
    answer = deployment.invoke("Sending a first message", message, GREETING, expected="text", target=target)
    say(f"The agent says: {answer['text']}\n")
    for name in ("ApiUrl", "DashboardUrl", "Curl"):
        say(f"{name}: {outputs[name]}")


class Deployment:
    """Stage of the deployment in the account of the AWS credentials."""

    def __init__(self, *, sam: str, stage: str) -> None:
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        if stage not in config:
            sys.exit(f"deploy: samconfig.toml has no stage {stage!r}: choose one of {', '.join(_stages(config))}")
        self._sam = sam
        self._stage = stage
        self.stack = str(config[stage]["global"]["parameters"]["stack_name"])
        self._configured = str(config[stage]["deploy"]["parameters"]["parameter_overrides"]).split()
        self._stored = ROOT / ".aws-sam" / f"deploy-{stage}.json"

    def choose_parameters(self, *, database: str, model_secret: str | None) -> dict[str, str]:
        """Choose the database and model parameters, and store the answers.

        The order is the arguments, the stored answers, then a question at the terminal.
        """
        stored: dict[str, str] = json.loads(self._stored.read_text()) if self._stored.exists() else {}
        chosen = database or stored.get("database") or ask(DATABASE, needed="DATABASE=aurora or DATABASE=arn:…")
        if chosen != "aurora" and not chosen.startswith("arn:"):
            sys.exit(
                "deploy: the database must be aurora or the ARN of a secret: put the URL of your database in the secret"
            )
        secret = model_secret if model_secret is not None else stored.get("model_secret")
        if secret is None:
            secret = ask(MODEL, needed="MODEL_SECRET=arn:…, or MODEL_SECRET= for none")
        self._stored.parent.mkdir(parents=True, exist_ok=True)
        self._stored.write_text(json.dumps({"database": chosen, "model_secret": secret}))
        if chosen == "aurora":
            return {"Database": "aurora", "DatabaseSecretArn": "", "ModelSecretArn": secret}
        return {"Database": "existing", "DatabaseSecretArn": chosen, "ModelSecretArn": secret}

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Create or update the stack."""
        say("== Deploying")
        overrides = [f"{name}={value or EMPTY}" for name, value in parameters.items()]
        self._run("deploy", "--config-env", self._stage, "--parameter-overrides", *self._configured, *overrides)

    def invoke(self, step: str, function: str, event: object, *, expected: str, target: str = "") -> dict[str, Any]:
        """Invoke a function; a result without the field `expected` ends the deployment.

        Args:
            step: Name of the step in the output.
            target: Parameter of the Lambda API that selects an alias or a tenant; empty for neither.
        """
        say(f"== {step}")
        options = ("--parameter", target) if target else ()
        output = self._run("remote", "invoke", function, "--event", json.dumps(event), *options, captured=True)
        result = parse_result(output)
        if not isinstance(result, dict) or expected not in result:
            cause = result.get("error", result) if isinstance(result, dict) else result
            sys.exit(
                f"deploy: {step.lower()} failed: {json.dumps(cause)}\nRead the logs: make logs STAGE={self._stage}"
            )
        return result

    def _run(self, *arguments: str, captured: bool = False) -> str:
        done = subprocess.run(  # noqa: S603 - fixed program and arguments
            [self._sam, *arguments],
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
            check=False,
            text=True,
            stdout=subprocess.PIPE if captured else None,
        )
        if done.returncode != 0:
            sys.exit(
                f"deploy: sam {' '.join(arguments[:2])} failed with exit code {done.returncode}: see its output above"
            )
        return done.stdout or ""


def _stages(config: Mapping[str, Any]) -> list[str]:
    return [name for name, section in config.items() if isinstance(section, dict) and "deploy" in section]


def archive_of(architecture: str) -> Path:
    """Return the path of the archive that `make build` writes."""
    return ROOT / ".aws-sam" / "archive" / f"mayfly-{architecture}.zip"


def parse_result(text: str) -> Any:
    """Parse a function's result; text that is not JSON stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def ask(question: str, *, needed: str) -> str:
    """Ask a question at the terminal; without a terminal, end the deployment."""
    if not sys.stdin.isatty():
        sys.exit(f"deploy: an answer is missing and stdin is not a terminal: pass {needed}")
    return input(question).strip()


def say(line: str) -> None:
    """Print a line."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
