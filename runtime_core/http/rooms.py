"""`/v1/rooms/{id}/messages`: reads or deletes the messages of a room."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.memory import required_created_at
from runtime_core.http.callers import check_participant
from runtime_core.http.deletions import clear_room
from runtime_core.http.documents import RoomMessagesDocument, room_message_document
from runtime_core.http.negotiation import JSON, negotiate
from runtime_core.http.parameters import Cursor, check_query, page_size, path_uuid
from runtime_core.http.responses import json_response
from runtime_core.http.source import DeploymentSource
from runtime_core.ports import MemoryFilter


async def room_messages(source: DeploymentSource, request: Request) -> Response:
    """Read (GET) or delete (DELETE) the messages of a room."""
    return await (clear_room if request.method == "DELETE" else read_room_messages)(source, request)


async def read_room_messages(source: DeploymentSource, request: Request) -> Response:
    """Read one page of a room's messages, newest first.

    An unknown room has no messages.
    """
    check_query(request, ("agent", "limit", "cursor"))
    negotiate(request, (JSON,))
    room_id = path_uuid(request, "room_id")
    limit = page_size(request)
    cursor = Cursor.decode(request.query_params["cursor"]) if "cursor" in request.query_params else None
    deployment = await source()
    agent_id = deployment.agent_id(request.query_params.get("agent"))
    await check_participant(deployment, agent_id, room_id, request)
    which = MemoryFilter(room_ids=(room_id,), before=(cursor.created_at, cursor.id) if cursor else None)
    found = await deployment.database.memories.find(agent_id, which, limit=limit + 1)
    page = found[:limit]
    document: RoomMessagesDocument = {
        "messages": [room_message_document(memory, agent_id) for memory in page],
        "next_cursor": Cursor(created_at=required_created_at(page[-1]), id=page[-1].id).encode()
        if len(found) > limit
        else None,
    }
    return json_response(document)
