"""`GET /v1/memories/search`: searches messages by words and meaning."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.memory import MemoryType
from runtime_core.http.callers import authenticate, check_participant
from runtime_core.http.documents import FoundMessagesDocument, room_message_document
from runtime_core.http.negotiation import JSON, negotiate
from runtime_core.http.parameters import check_query, page_size, query_uuid
from runtime_core.http.problems import InvalidParameter
from runtime_core.http.responses import json_response
from runtime_core.http.runtimes import open_runtime
from runtime_core.http.source import DeploymentSource

QUERY_LENGTH = 1_000  # characters
DEFAULT_LIMIT = 10


async def search_memories(source: DeploymentSource, request: Request) -> Response:
    """Search an agent's messages, best match first.

    A verified caller must name one of its rooms.
    """
    check_query(request, ("query", "room_id", "agent", "limit"))
    negotiate(request, (JSON,))
    query = request.query_params.get("query", "").strip()
    if not 1 <= len(query) <= QUERY_LENGTH:
        raise InvalidParameter(f"expected text of 1 to {QUERY_LENGTH:,} characters", name="query", place="query")
    room_id = query_uuid(request, "room_id")
    limit = page_size(request, default=DEFAULT_LIMIT)
    async with open_runtime(source, request) as runtime:
        await _check_room(source, request, runtime.agent_id, room_id)
        hits = await runtime.search_hits(query, limit, table=MemoryType.MESSAGE, room_id=room_id)
    document: FoundMessagesDocument = {
        "messages": [{**room_message_document(hit.memory, runtime.agent_id), "score": hit.score} for hit in hits]
    }
    return json_response(document)


async def _check_room(source: DeploymentSource, request: Request, agent_id: UUID, room_id: UUID | None) -> None:
    deployment = await source()
    if room_id is not None:
        await check_participant(deployment, agent_id, room_id, request)
    elif authenticate(deployment, request) is not None:
        raise InvalidParameter(
            "required for verified callers: send the id of one of your rooms", name="room_id", place="query"
        )
