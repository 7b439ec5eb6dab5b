"""`POST /v1/messages`: one message in, its answer out, whole or as a stream of events; or later, as a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.message_request import MessageRequest, parse_message_request
from runtime_core.domain.result import MessageProcessingResult
from runtime_core.http.answers import json_answer
from runtime_core.http.body import JSON_OVERHEAD, read_json_object
from runtime_core.http.callers import caller_of, check_may_speak, sent_by
from runtime_core.http.documents import run_document
from runtime_core.http.event_stream import EventStream
from runtime_core.http.negotiation import EVENT_STREAM, JSON, preferred, prefers_async
from runtime_core.http.parameters import check_query, idempotency_key
from runtime_core.http.problems import InvalidParameter
from runtime_core.http.runs import ASK_AGAIN_S
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment


async def create_message(source: DeploymentSource, request: Request) -> Response:
    """Answer a message."""
    check_query(request, ())
    kind = preferred(request, (JSON, EVENT_STREAM))
    deployment = await source()
    caller = caller_of(deployment, request)
    key = idempotency_key(request, caller)
    limit_bytes = deployment.settings.message_limit_bytes
    body = await read_json_object(request, limit_bytes=limit_bytes * JSON_OVERHEAD)
    message = _named(parse_message_request(body, limit_bytes=limit_bytes), key)
    if caller is not None:
        message = sent_by(message, caller)
        await check_may_speak(deployment, message, caller)
    if kind == EVENT_STREAM:
        return EventStream(deployment, message, request_id=request.state.request_id)
    if prefers_async(request):
        return await _accepted(deployment, message, request)
    return _answered(await deployment.answer(message))


def _answered(result: MessageProcessingResult) -> Response:
    return json_answer(result.as_json(), headers={"Idempotent-Replayed": "true"} if result.replayed else None)


async def _accepted(deployment: Deployment, message: MessageRequest, request: Request) -> Response:
    """Say where the answer will be; a message that was answered before has it here and now."""
    from runtime_core.queues.acceptance import enqueue_message  # noqa: PLC0415 - loaded only when asked for

    accepted = await enqueue_message(deployment, message)
    if isinstance(accepted, MessageProcessingResult):
        return _answered(accepted)
    headers = {
        "Location": f"{getattr(request.state, 'prefix', '')}/v1/runs/{accepted.id}",
        "Preference-Applied": "respond-async",
        "Retry-After": ASK_AGAIN_S,
    }
    return json_answer(run_document(accepted), status=202, headers=headers)


def _named(message: MessageRequest, key: object) -> MessageRequest:
    if key is None:
        return message
    if message.id is not None and message.id != key:
        raise InvalidParameter("names another message than the body's id", name="Idempotency-Key", place="header")
    return message.model_copy(update={"id": key})
