"""AWS account of a deployment, for requests beyond the SAM command line."""

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
    """AWS account of the shell's credentials and region.

    An AWS error ends the program with one line.
    """

    def __init__(self) -> None:
        with _exit_on_error():
            self._session = boto3.session.Session()
            self._identity: dict[str, Any] = self._session.client("sts").get_caller_identity()

    @property
    def name(self) -> str:
        """Account and region in words."""
        return f"account {self._identity['Account']}, region {self._session.region_name}"

    def outputs(self, stack: str) -> dict[str, str]:
        """Read the outputs of a stack.

        Returns:
            Value by name; empty if the stack does not exist or its first deployment failed.
        """
        with _exit_on_error():
            try:
                found = self._session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    return {}
                raise
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def update_code(self, function: str, archive: Path, *, architecture: str) -> None:
        """Update the code of one function, ahead of its stack."""
        with _exit_on_error():
            client = self._session.client("lambda")
            client.update_function_code(
                FunctionName=function, ZipFile=archive.read_bytes(), Architectures=[architecture]
            )
            client.get_waiter("function_updated_v2").wait(FunctionName=function)


@contextmanager
def _exit_on_error() -> Iterator[None]:
    try:
        yield
    except NoCredentialsError:
        sys.exit(f"deploy: {CREDENTIALS}")
    except NoRegionError:
        sys.exit(f"deploy: {REGION}")
    except ClientError as error:
        cause = error.response["Error"]
        sys.exit(f"deploy: AWS rejected {error.operation_name}: {cause.get('Code')}: {cause.get('Message')}")
    except BotoCoreError as error:
        sys.exit(f"deploy: {error}")
