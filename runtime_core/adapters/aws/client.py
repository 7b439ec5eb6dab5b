"""boto3 clients with timeouts shorter than an event's remaining time."""

from __future__ import annotations

from typing import Any

_CONNECT_LIMIT_S = 2.0
_READ_LIMIT_S = 5.0
TRIES = 2


def cloud_client(service: str, *, endpoint_url: str | None = None) -> Any:
    """Create a boto3 client for a service.

    Call it in a thread: loading boto3 takes as long as a whole turn.

    Raises:
        BotoCoreError: The region or the credentials are missing.
    """
    import boto3  # noqa: PLC0415 - loaded only when used, outside the path to an answer
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=_CONNECT_LIMIT_S,
        read_timeout=_READ_LIMIT_S,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        tcp_keepalive=True,
    )
    return boto3.session.Session().client(service, endpoint_url=endpoint_url, config=config)
