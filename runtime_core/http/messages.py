"""`POST /v1/messages`: one message in, its answer out, whole or as a stream of events."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.answers import json_answer
from runtime_core.http.body import JSON_OVERHEAD, read_json_object
from runtime_core.http.event_stream import EventStream
from runtime_core.http.negotiation import EVENT_STREAM, JSON, preferred
from runtime_core.http.parameters import check_query, idempotency_key
from runtime_core.http.problems import InvalidParameter
from runtime_core.http.source import DeploymentSource
from runtime_core.message_request import MessageRequest, parse_message_request


async def create_message(source: DeploymentSource, request: Request) -> Response:
    """Answer a message."""
    check_query(request, ())
    kind = preferred(request, (JSON, EVENT_STREAM))
    key = idempotency_key(request)
    deployment = await source()
    limit_bytes = deployment.settings.message_limit_bytes
    body = await read_json_object(request, limit_bytes=limit_bytes * JSON_OVERHEAD)
    message = _named(parse_message_request(body, limit_bytes=limit_bytes), key)
    if kind == EVENT_STREAM:
        return EventStream(deployment, message, request_id=request.state.request_id)
    result = await deployment.answer(message)
    return json_answer(result.as_json(), headers={"Idempotent-Replayed": "true"} if result.replayed else None)


def _named(message: MessageRequest, key: object) -> MessageRequest:
    if key is None:
        return message
    if message.id is not None and message.id != key:
        raise InvalidParameter("names another message than the body's id", name="Idempotency-Key", place="header")
    return message.model_copy(update={"id": key})
