"""`/v1/rooms/{id}/messages`: a conversation, newest first, page by page; or cleared."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.memory import required_created_at
from runtime_core.http.answers import json_answer
from runtime_core.http.callers import check_takes_part
from runtime_core.http.deletions import clear_room
from runtime_core.http.documents import RoomMessagesDocument, room_message_document
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.parameters import Cursor, check_query, page_size, path_uuid
from runtime_core.http.source import DeploymentSource
from runtime_core.ports import MemoryFilter


async def room_messages(source: DeploymentSource, request: Request) -> Response:
    """Show or clear a room's messages."""
    return await (clear_room if request.method == "DELETE" else read_room_messages)(source, request)


async def read_room_messages(source: DeploymentSource, request: Request) -> Response:
    """Show what an agent keeps of a room; of a room it does not know, that is nothing."""
    check_query(request, ("agent", "limit", "cursor"))
    preferred(request, (JSON,))
    room_id = path_uuid(request, "room_id")
    limit = page_size(request)
    cursor = Cursor.decoded(request.query_params["cursor"]) if "cursor" in request.query_params else None
    deployment = await source()
    agent_id = deployment.agent_id(request.query_params.get("agent"))
    await check_takes_part(deployment, agent_id, room_id, request)
    which = MemoryFilter(room_ids=(room_id,), before=(cursor.created_at, cursor.id) if cursor else None)
    found = await deployment.database.memories.find(agent_id, which, limit=limit + 1)
    page = found[:limit]
    document: RoomMessagesDocument = {
        "messages": [room_message_document(memory, agent_id) for memory in page],
        "next_cursor": Cursor(created_at=required_created_at(page[-1]), id=page[-1].id).encoded()
        if len(found) > limit
        else None,
    }
    return json_answer(document)
