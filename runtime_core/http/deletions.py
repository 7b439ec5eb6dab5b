"""`DELETE /v1/messages/{id}` and `DELETE /v1/rooms/{id}/messages`: what was said is taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.answers import COMMON_HEADERS
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotThere
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.runtime import AgentRuntime


async def delete_message(source: DeploymentSource, request: Request) -> Response:
    """Delete a message that an agent keeps."""
    check_query(request, ("agent",))
    message_id = path_uuid(request, "message_id")
    async with _runtime(source, request) as runtime:
        if not await runtime.message_service.delete_message(runtime, message_id):
            raise NotThere("The agent keeps no message with this id.")
    return Response(None, 204, COMMON_HEADERS)


async def clear_room(source: DeploymentSource, request: Request) -> Response:
    """Delete every message of a room that an agent keeps; in a room it does not know, there is none."""
    check_query(request, ("agent",))
    room_id = path_uuid(request, "room_id")
    async with _runtime(source, request) as runtime:
        await runtime.message_service.clear_channel(runtime, room_id)
    return Response(None, 204, COMMON_HEADERS)


@asynccontextmanager
async def _runtime(source: DeploymentSource, request: Request) -> AsyncIterator[AgentRuntime]:
    deployment = await source()
    runtime = await deployment.runtime(deployment.agent_id(request.query_params.get("agent")))
    try:
        yield runtime
    finally:
        await runtime.stop()
