"""The AWS account behind a deployment, as far as `make deploy` asks it itself; the rest is the SAM command line's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

CREDENTIALS = (
    "no AWS credentials: run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
REGION = "no AWS region: set AWS_REGION, or run `aws configure`"


class Account:
    """What the credentials and the region in this shell lead to; whatever fails ends the program with a sentence."""

    def __init__(self) -> None:
        with _said():
            self._session = boto3.session.Session()
            self._identity: dict[str, Any] = self._session.client("sts").get_caller_identity()

    @property
    def name(self) -> str:
        """Account and region, for people."""
        return f"account {self._identity['Account']}, region {self._session.region_name}"

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack by name; empty where there is none, or its first deployment failed."""
        with _said():
            try:
                found = self._session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    return {}
                raise
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def bring_out(self, function: str, archive: Path, *, architecture: str) -> None:
        """Give one function new code, ahead of its stack."""
        with _said():
            client = self._session.client("lambda")
            client.update_function_code(
                FunctionName=function, ZipFile=archive.read_bytes(), Architectures=[architecture]
            )
            client.get_waiter("function_updated_v2").wait(FunctionName=function)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except NoCredentialsError:
        sys.exit(f"deploy: {CREDENTIALS}")
    except NoRegionError:
        sys.exit(f"deploy: {REGION}")
    except ClientError as error:
        said = error.response["Error"]
        sys.exit(f"deploy: AWS refused {error.operation_name}: {said.get('Code')}: {said.get('Message')}")
    except BotoCoreError as error:
        sys.exit(f"deploy: {error}")
