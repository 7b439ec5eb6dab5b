"""AWS credentials of a Lambda function.

They come from the function's environment or its local endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field

from runtime_core.adapters.http_client import HttpClient, HttpError
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import SettingsError
from runtime_core.support.deadline import bounded_s

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Temporary credentials of the function's role; `session_token` is empty for a user's."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


async def read_credentials(environment: Mapping[str, str], client: HttpClient) -> Credentials:
    """Read the credentials.

    Raises:
        SettingsError: No credentials are set.
        HttpError: The local endpoint did not answer.

    Source:
        SnapStart functions use the container endpoint: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-security.html
    """
    if environment.get("AWS_ACCESS_KEY_ID"):
        return Credentials(
            access_key_id=environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
            session_token=environment.get("AWS_SESSION_TOKEN", ""),
        )
    endpoint = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not endpoint:
        raise SettingsError(
            "AWS_ACCESS_KEY_ID is not set: reading a secret needs AWS credentials, which Lambda sets for a function",
            name="AWS_ACCESS_KEY_ID",
        )
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    headers = {"Authorization": token} if token else {}
    async with client.send("GET", endpoint, headers=headers, timeout_s=bounded_s(TIMEOUT_S)) as answer:
        if not answer.is_success:
            raise HttpError(f"the credentials endpoint of the function answered {answer.status}")
        found = json.loads(await answer.read())
    return Credentials(
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretAccessKey"],
        session_token=found.get("Token", ""),
    )
