"""`POST /v1/messages`: answers a message at once, as a stream, or later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.message_request import MessageRequest, parse_message_request
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.http.body import JSON_OVERHEAD, read_json_object
from runtime_core.http.callers import assign_sender, authenticate, check_may_speak
from runtime_core.http.documents import run_document
from runtime_core.http.event_stream import EventStream
from runtime_core.http.negotiation import EVENT_STREAM, JSON, negotiate, prefers_async
from runtime_core.http.parameters import check_query, idempotency_key
from runtime_core.http.problems import InvalidParameter
from runtime_core.http.responses import json_response
from runtime_core.http.runs import RETRY_AFTER_S
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment


async def create_message(source: DeploymentSource, request: Request) -> Response:
    """Answer a message, in the representation that the request prefers."""
    check_query(request, ())
    kind = negotiate(request, (JSON, EVENT_STREAM))
    deployment = await source()
    caller = authenticate(deployment, request)
    key = idempotency_key(request, caller)
    limit_bytes = deployment.settings.message_limit_bytes
    body = await read_json_object(request, limit_bytes=limit_bytes * JSON_OVERHEAD)
    message = _set_id(parse_message_request(body, limit_bytes=limit_bytes), key)
    if caller is not None:
        message = assign_sender(message, caller)
        await check_may_speak(deployment, message, caller)
    if kind == EVENT_STREAM:
        return EventStream(deployment, message, request_id=request.state.request_id)
    if prefers_async(request):
        return await _respond_async(deployment, message, request)
    return _result_response(await deployment.answer(message))


def _result_response(result: MessageProcessingResult) -> Response:
    return json_response(result.as_json(), headers={"Idempotent-Replayed": "true"} if result.replayed else None)


async def _respond_async(deployment: Deployment, message: MessageRequest, request: Request) -> Response:
    """Enqueue a message.

    Returns:
        202 with the address of the run, or 200 with the stored result of an answered message.
    """
    from runtime_core.queues.acceptance import enqueue_message  # noqa: PLC0415 - loaded on first use

    outcome = await enqueue_message(deployment, message)
    if isinstance(outcome, MessageProcessingResult):
        return _result_response(outcome)
    headers = {
        "Location": f"{getattr(request.state, 'prefix', '')}/v1/runs/{outcome.id}",
        "Preference-Applied": "respond-async",
        "Retry-After": RETRY_AFTER_S,
    }
    return json_response(run_document(outcome), status=202, headers=headers)


def _set_id(message: MessageRequest, key: object) -> MessageRequest:
    if key is None:
        return message
    if message.id is not None and message.id != key:
        raise InvalidParameter("names another message than the body's id", name="Idempotency-Key", place="header")
    return message.model_copy(update={"id": key})
