"""Connections of an API Gateway WebSocket API: text is posted to them over HTTPS, by boto3 in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime_core.adapters.aws.client import cloud_client
from runtime_core.errors import TargetError, TargetGone, TargetUnavailable
from runtime_core.support.deadline import within

SEND_LIMIT_S = 10.0  # of one `send`, where no deadline leaves less
_MEANINGS = {
    403: "this deployment may not post to it (execute-api:ManageConnections)",
    413: "a message has at most 128 KiB",  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
}


class WebSocketChannel:
    """A `Channel` to the connections of one WebSocket API.

    Args:
        endpoint: Where its connections are managed (`https://<api>.execute-api.<region>.amazonaws.com/<stage>`).
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._client: Any = None
        self._lock = threading.Lock()

    async def send(self, connection_id: str, text: str) -> None:
        async with within(SEND_LIMIT_S, f"sending to the connection {connection_id}"):
            await asyncio.to_thread(self._post, connection_id, text.encode())

    async def close(self) -> None:
        """Close the client's connections; the channel may be used again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _post(self, connection_id: str, data: bytes) -> None:
        with _target_errors(connection_id):
            self._opened().post_to_connection(ConnectionId=connection_id, Data=data)

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = cloud_client("apigatewaymanagementapi", endpoint_url=self._endpoint)
            return self._client


@contextmanager
def _target_errors(connection_id: str) -> Iterator[None]:
    """Turn the client's errors into ours; boto3 is loaded by then."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3 is loaded at this point

    where = f"the connection {connection_id!r}"
    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        if status == 410:
            raise TargetGone(f"{where} is gone: its client has disconnected") from error
        if status >= 500 or status == 429:
            raise TargetUnavailable(f"{where} took nothing: API Gateway answered {status}") from error
        raise TargetError(f"{where} took nothing: {_MEANINGS.get(status, str(error))}") from error
    except BotoCoreError as error:
        raise TargetUnavailable(f"{where} was not reached: {error}") from error
