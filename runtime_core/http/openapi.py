"""OpenAPI 3.1 document, generated from the types of requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from runtime_core.domain.message_request import MessageRequest
from runtime_core.http import documents, problems
from runtime_core.http.negotiation import EVENT_STREAM, JSON
from runtime_core.http.parameters import KEY_LENGTH, MAX_PAGE_SIZE, PAGE_SIZE
from runtime_core.http.search import DEFAULT_LIMIT, QUERY_LENGTH
from runtime_core.version import __version__

_REF = "#/components/schemas/{model}"
_RESPONSES = (
    documents.AgentsDocument,
    documents.ChunkDocument,
    documents.ContentDocument,
    documents.FoundMessagesDocument,
    documents.HealthDocument,
    documents.ProblemDocument,
    documents.ReadinessDocument,
    documents.ResultDocument,
    documents.RoomMessagesDocument,
    documents.RunDocument,
)
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` if the message was answered before and this is the stored answer.",
        "schema": {"type": "string", "const": "true"},
    }
}
_RETRY_AFTER = {
    "description": "Seconds to wait before the run is read again; absent once it has ended.",
    "schema": {"type": "integer", "minimum": 1},
}
_EVENTS = (
    "Server-sent events: `chunk` (ChunkDocument) while the model generates, `message` (ContentDocument) for each "
    "message of the agent, then `done` (ResultDocument) or `error` (ProblemDocument)."
)


@cache
def document() -> Mapping[str, Any]:
    """Generate the document; cached."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mayfly",
            "version": __version__,
            "description": "Agents that live for one message. Errors are problem documents (RFC 9457).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/v1/messages": {"post": _create_message()},
            "/v1/runs/{run_id}": {"get": _read_run()},
            "/v1/rooms/{room_id}/messages": {
                "get": _read_room_messages(),
                "delete": _delete("clearRoom", "Delete the messages of a room.", "room_id"),
            },
            "/v1/messages/{message_id}": {
                "delete": _delete("deleteMessage", "Delete a message; its id cannot be used again.", "message_id"),
            },
            "/v1/memories/search": {"get": _search_memories()},
            "/v1/agents": {"get": _get("listAgents", "List the agents, the default agent first.", "AgentsDocument")},
            "/health": {"get": _get("health", "Report that the process is alive.", "HealthDocument")},
            "/health/ready": {"get": _readiness()},
        },
        "components": {"schemas": _schemas(), "responses": {"Problem": _problem()}},
    }


def _schemas() -> dict[str, Any]:
    inputs = [(MessageRequest, "validation", TypeAdapter(MessageRequest))]
    outputs = [(kind, "serialization", TypeAdapter(kind)) for kind in _RESPONSES]
    _, generated = TypeAdapter.json_schemas([*inputs, *outputs], ref_template=_REF)  # type: ignore[list-item]  # two key types
    definitions: dict[str, Any] = generated["$defs"]
    return definitions


def _create_message() -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Id of the message, as an alternative to `id`: each key is answered once. "
        "A UUID is used unchanged; other text is hashed to a UUID.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
    }
    prefer = {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async` (RFC 7240): accept the message now and answer it later. Ignored for a stream.",
        "schema": {"type": "string"},
    }
    answer = {
        "description": "Answer of the agent.",
        "headers": _REPLAYED,
        "content": {
            JSON: {"schema": _ref("ResultDocument")},
            EVENT_STREAM: {"schema": {"type": "string", "description": _EVENTS}},
        },
    }
    return {
        "operationId": "createMessage",
        "summary": "Send a message and read the agent's answer.",
        "parameters": [key, prefer],
        "requestBody": {"required": True, "content": {JSON: {"schema": _ref("MessageRequest")}}},
        "responses": {"200": answer, "202": _accepted_response(), "default": _problem_ref()},
    }


def _accepted_response() -> dict[str, Any]:
    location = {"description": "Address of the run.", "schema": {"type": "string", "format": "uri-reference"}}
    applied = {"description": "Preference that was applied.", "schema": {"const": "respond-async"}}
    return {
        "description": "Accepted: read the answer from the run.",
        "headers": {"Location": location, "Preference-Applied": applied, "Retry-After": _RETRY_AFTER},
        "content": {JSON: {"schema": _ref("RunDocument")}},
    }


def _read_run() -> dict[str, Any]:
    operation = _get("readRun", "Read the status and the result of a run.", "RunDocument")
    found = {**operation["responses"]["200"], "headers": {"Retry-After": _RETRY_AFTER}}
    return {
        **operation,
        "parameters": [_path_id("run_id")],
        "responses": {**operation["responses"], "200": found},
    }


def _read_room_messages() -> dict[str, Any]:
    summary = "Read the messages of a room, newest first."
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE}
    parameters = [
        _path_id("room_id"),
        _agent(),
        _query("limit", "Maximum number of messages.", limit),
        _query("cursor", "`next_cursor` of the previous page.", {"type": "string"}),
    ]
    return {**_get("readRoomMessages", summary, "RoomMessagesDocument"), "parameters": parameters}


def _search_memories() -> dict[str, Any]:
    meaning = "Text to search for, by words and, with an embedding model, by meaning."
    text = {"type": "string", "minLength": 1, "maxLength": QUERY_LENGTH}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_LIMIT}
    room = {"type": "string", "format": "uuid"}
    parameters = [
        {**_query("query", meaning, text), "required": True},
        _query("room_id", "Room to search; required where callers are verified.", room),
        _agent(),
        _query("limit", "Maximum number of messages.", limit),
    ]
    return {**_get("searchMemories", "Search the messages.", "FoundMessagesDocument"), "parameters": parameters}


def _readiness() -> dict[str, Any]:
    operation = _get("readiness", "Check the dependencies of a turn.", "ReadinessDocument")
    not_ready = {"description": "At least one check failed.", "content": {JSON: {"schema": _ref("ReadinessDocument")}}}
    return {**operation, "responses": {**operation["responses"], "503": not_ready}}


def _get(operation_id: str, summary: str, model: str) -> dict[str, Any]:
    found = {"description": "OK", "content": {JSON: {"schema": _ref(model)}}}
    return {
        "operationId": operation_id,
        "summary": summary,
        "responses": {"200": found, "default": _problem_ref()},
    }


def _delete(operation_id: str, summary: str, name: str) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": [_path_id(name), _agent()],
        "responses": {"204": {"description": "Deleted."}, "default": _problem_ref()},
    }


def _path_id(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _agent() -> dict[str, Any]:
    return _query("agent", "Name or id of the agent; default: the deployment's first agent.", {"type": "string"})


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _problem_ref() -> dict[str, str]:
    return {"$ref": "#/components/responses/Problem"}


def _problem() -> dict[str, Any]:
    return {
        "description": "Problem of the request.",
        "headers": {
            "Retry-After": {
                "description": "Seconds to wait before the request is retried.",
                "schema": {"type": "integer", "minimum": 1},
            }
        },
        "content": {problems.MEDIA_TYPE: {"schema": _ref("ProblemDocument")}},
    }
