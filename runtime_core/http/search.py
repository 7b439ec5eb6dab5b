"""`GET /v1/memories/search`: what was said, found by its words and its meaning."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.memory import MemoryType
from runtime_core.http.answers import json_answer
from runtime_core.http.callers import caller_of, check_takes_part
from runtime_core.http.documents import FoundMessagesDocument, room_message_document
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.parameters import check_query, page_size, query_uuid
from runtime_core.http.problems import InvalidParameter
from runtime_core.http.runtimes import runtime_asked_for
from runtime_core.http.source import DeploymentSource

QUERY_LENGTH = 1_000  # characters
DEFAULT_LIMIT = 10


async def search_memories(source: DeploymentSource, request: Request) -> Response:
    """Find messages that an agent keeps, best first; callers that are verified name one of their rooms."""
    check_query(request, ("query", "room_id", "agent", "limit"))
    preferred(request, (JSON,))
    query = request.query_params.get("query", "").strip()
    if not 1 <= len(query) <= QUERY_LENGTH:
        raise InvalidParameter(f"expected 1 to {QUERY_LENGTH:,} characters to look for", name="query", place="query")
    room_id = query_uuid(request, "room_id")
    limit = page_size(request, default=DEFAULT_LIMIT)
    async with runtime_asked_for(source, request) as runtime:
        await _check_room(source, request, runtime.agent_id, room_id)
        hits = await runtime.search_hits(query, limit, table=MemoryType.MESSAGE, room_id=room_id)
    document: FoundMessagesDocument = {
        "messages": [{**room_message_document(hit.memory, runtime.agent_id), "score": hit.score} for hit in hits]
    }
    return json_answer(document)


async def _check_room(source: DeploymentSource, request: Request, agent_id: UUID, room_id: UUID | None) -> None:
    deployment = await source()
    if room_id is not None:
        await check_takes_part(deployment, agent_id, room_id, request)
    elif caller_of(deployment, request) is not None:
        raise InvalidParameter("is needed: name one of your rooms", name="room_id", place="query")
