"""JSON responses: documents and problems, with the common headers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from runtime_core.domain.values import encode_json
from runtime_core.http import problems
from runtime_core.http.negotiation import JSON
from runtime_core.http.problems import Problem

COMMON_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Build a response from a JSON document."""
    return Response(encode_json(value), status, {**COMMON_HEADERS, **(headers or {})}, JSON)


def problem_response(problem: Problem, *, request_id: str) -> Response:
    """Build a response from a problem."""
    return Response(
        encode_json(problem.document(request_id)),
        problem.status,
        {**COMMON_HEADERS, **problem.headers},
        problems.MEDIA_TYPE,
    )
