"""`DELETE /v1/messages/{id}` and `DELETE /v1/rooms/{id}/messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.callers import authenticate, check_participant, is_participant
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotFound
from runtime_core.http.responses import COMMON_HEADERS
from runtime_core.http.runtimes import open_runtime
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

_NO_MESSAGE = "The agent has no message with this id."


async def delete_message(source: DeploymentSource, request: Request) -> Response:
    """Delete one message from an agent's memory."""
    check_query(request, ("agent",))
    message_id = path_uuid(request, "message_id")
    async with open_runtime(source, request) as runtime:
        if not await _is_visible(await source(), request, runtime.agent_id, message_id):
            raise NotFound(_NO_MESSAGE)
        if not await runtime.message_service.delete_message(runtime, message_id):
            raise NotFound(_NO_MESSAGE)
    return Response(None, 204, COMMON_HEADERS)


async def clear_room(source: DeploymentSource, request: Request) -> Response:
    """Delete the messages of a room; an unknown room has none."""
    check_query(request, ("agent",))
    room_id = path_uuid(request, "room_id")
    async with open_runtime(source, request) as runtime:
        await check_participant(await source(), runtime.agent_id, room_id, request)
        await runtime.message_service.clear_channel(runtime, room_id)
    return Response(None, 204, COMMON_HEADERS)


async def _is_visible(deployment: Deployment, request: Request, agent_id: UUID, message_id: UUID) -> bool:
    """Whether the message belongs to a room in which the caller participates."""
    caller = authenticate(deployment, request)
    if caller is None:
        return True
    found = await deployment.database.memories.get(agent_id, [message_id])
    return bool(found) and await is_participant(deployment, agent_id, found[0].room_id, caller)
