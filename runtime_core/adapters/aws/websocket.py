"""Channel to API Gateway WebSocket connections, by boto3 in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime_core.adapters.aws.client import cloud_client
from runtime_core.errors import TargetError, TargetGone, TargetUnavailable
from runtime_core.support.deadline import within

SEND_LIMIT_S = 10.0  # of one `send`, unless the deadline is earlier
_MEANINGS = {
    403: "this deployment lacks the right execute-api:ManageConnections",
    413: "a message may have at most 128 KiB",  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
}


class WebSocketChannel:
    """`Channel` to the connections of one WebSocket API.

    Args:
        endpoint: Management URL of the API (`https://<api>.execute-api.<region>.amazonaws.com/<stage>`).
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._client: Any = None
        self._lock = threading.Lock()

    async def send(self, connection_id: str, text: str) -> None:
        async with within(SEND_LIMIT_S, f"sending to the connection {connection_id}"):
            await asyncio.to_thread(self._post, connection_id, text.encode())

    async def close(self) -> None:
        """Close the client's connections; the channel reopens on its next use."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _post(self, connection_id: str, data: bytes) -> None:
        with _target_errors(connection_id):
            self._open().post_to_connection(ConnectionId=connection_id, Data=data)

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = cloud_client("apigatewaymanagementapi", endpoint_url=self._endpoint)
            return self._client


@contextmanager
def _target_errors(connection_id: str) -> Iterator[None]:
    """Translate the errors of boto3."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3 is already loaded here

    where = f"the connection {connection_id!r}"
    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        if status == 410:
            raise TargetGone(f"{where} is closed: its client has disconnected") from error
        if status >= 500 or status == 429:
            raise TargetUnavailable(f"{where} did not receive the text: API Gateway answered {status}") from error
        raise TargetError(f"{where} did not receive the text: {_MEANINGS.get(status, str(error))}") from error
    except BotoCoreError as error:
        raise TargetUnavailable(f"{where} could not be reached: {error}") from error
