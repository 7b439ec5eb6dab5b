"""Writing answers: JSON documents and problem documents, with the headers that all of them carry."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from runtime_core.domain.values import encode_json
from runtime_core.http import problems
from runtime_core.http.negotiation import JSON
from runtime_core.http.problems import Problem

COMMON_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON document."""
    return Response(encode_json(value), status, {**COMMON_HEADERS, **(headers or {})}, JSON)


def problem_answer(problem: Problem, *, request_id: str) -> Response:
    """Answer with a problem document."""
    return Response(
        encode_json(problem.document(request_id)),
        problem.status,
        {**COMMON_HEADERS, **problem.headers},
        problems.MEDIA_TYPE,
    )
