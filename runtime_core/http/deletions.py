"""`DELETE /v1/messages/{id}` and `DELETE /v1/rooms/{id}/messages`: what was said is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.answers import COMMON_HEADERS
from runtime_core.http.callers import caller_of, check_takes_part, takes_part
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotThere
from runtime_core.http.runtimes import runtime_asked_for
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

_NO_MESSAGE = "The agent keeps no message with this id."


async def delete_message(source: DeploymentSource, request: Request) -> Response:
    """Delete a message that an agent keeps."""
    check_query(request, ("agent",))
    message_id = path_uuid(request, "message_id")
    async with runtime_asked_for(source, request) as runtime:
        if not await _is_theirs(await source(), request, runtime.agent_id, message_id):
            raise NotThere(_NO_MESSAGE)
        if not await runtime.message_service.delete_message(runtime, message_id):
            raise NotThere(_NO_MESSAGE)
    return Response(None, 204, COMMON_HEADERS)


async def clear_room(source: DeploymentSource, request: Request) -> Response:
    """Delete every message of a room that an agent keeps; in a room it does not know, there is none."""
    check_query(request, ("agent",))
    room_id = path_uuid(request, "room_id")
    async with runtime_asked_for(source, request) as runtime:
        await check_takes_part(await source(), runtime.agent_id, room_id, request)
        await runtime.message_service.clear_channel(runtime, room_id)
    return Response(None, 204, COMMON_HEADERS)


async def _is_theirs(deployment: Deployment, request: Request, agent_id: UUID, message_id: UUID) -> bool:
    """Whether the message was said in a room that the caller takes part in."""
    caller = caller_of(deployment, request)
    if caller is None:
        return True
    found = await deployment.database.memories.get(agent_id, [message_id])
    return bool(found) and await takes_part(deployment, agent_id, found[0].room_id, caller)
