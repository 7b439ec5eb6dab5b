"""Problem documents (RFC 9457), with each error's status and text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException

from runtime_core import errors
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.values import field_problems
from runtime_core.errors import InvalidInput, MayflyError, SettingsError

MEDIA_TYPE = "application/problem+json"
_RETRY_S = 1.0  # for a retryable error without `retry_after_s`


@dataclass(frozen=True, slots=True)
class Kind:
    """HTTP status and text of one kind of error.

    Attributes:
        detail: Fixed text. None uses the error's message, where this package wrote it for the client.
    """

    status: int
    title: str
    detail: str | None = None


KINDS: Mapping[type[MayflyError], Kind] = {
    MayflyError: Kind(500, "Internal error", "The message could not be processed."),
    errors.InvalidInput: Kind(422, "Invalid input"),
    errors.MessageTooLarge: Kind(413, "Message too large"),
    errors.InvalidCharacter: Kind(500, "Invalid character", "A character of this deployment cannot be read."),
    errors.SettingsError: Kind(500, "Invalid settings"),  # the detail names the setting without its value
    errors.AgentError: Kind(500, "Agent error", "The agent could not process the message."),
    errors.AgentNotFound: Kind(404, "Agent not found"),
    errors.PluginError: Kind(500, "Plugin error", "A plugin of this deployment could not be loaded."),
    errors.AccessError: Kind(403, "Access refused"),
    errors.CallerUnverified: Kind(401, "Caller not verified"),
    errors.EntityNotCaller: Kind(403, "Entity is not the caller"),
    errors.RoomNotJoined: Kind(403, "Room not joined"),
    errors.RouteError: Kind(500, "Route error", "The plugin's route failed."),
    errors.RouteNotFound: Kind(404, "Route not found"),
    errors.RouteMethodNotAllowed: Kind(405, "Method not allowed"),
    errors.RouteNotPublic: Kind(403, "Route not public"),
    errors.ServiceError: Kind(500, "Service error", "A service of this deployment could not start."),
    errors.TargetError: Kind(502, "Target error", "The agent's message did not reach its target."),
    errors.TargetGone: Kind(502, "Target gone", "The target of the agent's message is closed."),
    errors.TargetUnavailable: Kind(
        503, "Target unavailable", "The target of the agent's message is unreachable: retry later."
    ),
    errors.TurnError: Kind(500, "Turn error", "The message could not be processed."),
    errors.TurnInProgress: Kind(409, "Turn in progress"),
    errors.MessageConflict: Kind(422, "Message conflict"),
    errors.RoomOfAnotherAgent: Kind(403, "Room of another agent"),
    errors.LeaseLost: Kind(
        409, "Lease lost", "Another request took over this message: send it again to read its answer."
    ),
    errors.ActionError: Kind(500, "Action error", "An action of the agent failed."),
    errors.StateError: Kind(500, "State error", "The agent's state could not be composed."),
    errors.ModelError: Kind(502, "Model error", "The model call failed."),
    errors.ModelNotFound: Kind(500, "Model not found", "No model of the requested type is configured."),
    errors.ModelRequestRejected: Kind(502, "Model request rejected", "The model provider rejected the request."),
    errors.ModelAuthenticationFailed: Kind(
        502, "Model authentication failed", "The model provider rejected this deployment's key (OPENAI_API_KEY)."
    ),
    errors.ModelRateLimited: Kind(
        503, "Model rate limited", "The model provider's rate limit is reached: retry later."
    ),
    errors.ModelUnavailable: Kind(503, "Model unavailable", "The model provider is unavailable: retry later."),
    errors.ModelTimeout: Kind(504, "Model timeout", "The model provider did not respond in time: retry later."),
    errors.ModelAnswerMalformed: Kind(
        502, "Model answer malformed", "The model's answer is malformed: retry the request."
    ),
    errors.ModelRefused: Kind(502, "Model refused", "The model declined to answer."),
    errors.ModelAnswerTruncated: Kind(502, "Model answer truncated", "The model's answer reached its token limit."),
    errors.StoreError: Kind(500, "Store error", "The database rejected a statement."),
    errors.StoreUnavailable: Kind(503, "Store unavailable", "The database is unavailable: retry later."),
    errors.SchemaOutOfDate: Kind(
        500, "Schema out of date", "The database schema is older than this version needs: run `mayfly migrate`."
    ),
    errors.QueueUnavailable: Kind(503, "Queue unavailable", "The queue is unavailable: retry later."),
    errors.QueueFull: Kind(503, "Queue full", "The queue is full: retry later."),
    errors.DeadlineExceeded: Kind(504, "Deadline exceeded", "The request used up its time: retry it."),
}

_HTTP_KINDS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed-request", "Malformed request", "The request cannot be read."),
    404: ("not-found", "Not found", "This address does not exist: GET /openapi.json lists the addresses."),
    405: (
        "method-not-allowed",
        "Method not allowed",
        "This address does not support this method: the Allow header lists the supported methods.",
    ),
    406: ("not-acceptable", "Not acceptable", "No representation matches the Accept header: accept application/json."),
    415: ("unsupported-media-type", "Unsupported media type", "The body must be application/json in UTF-8."),
}
_UNEXPECTED = (
    "internal-error",
    "Internal error",
    "The request failed unexpectedly: look up its request id in the log.",
)


class InvalidParameter(InvalidInput):
    """A query, path or header parameter is invalid; `place` says which."""

    def __init__(self, message: str, *, name: str, place: str) -> None:
        super().__init__(message, path=name)
        self.place = place


class Refusal(HTTPException):
    """HTTP error with this package's own detail."""


class MalformedRequest(Refusal):
    """The request cannot be parsed."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class NotFound(Refusal):
    """No resource has that id."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


class UnsupportedMediaType(Refusal):
    """The body has an unsupported media type."""

    def __init__(self, detail: str) -> None:
        super().__init__(415, detail, headers={"Accept-Post": "application/json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Problem of one request.

    Attributes:
        code: Stable name; the document's type is `urn:mayfly:problem:<code>`.
        errors: Invalid fields, each with a JSON pointer into the body, or a parameter and its location.
        headers: Headers of the response.
    """

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str]

    def document(self, request_id: str) -> dict[str, Any]:
        """Build the problem document; `instance` is the request's URN."""
        document: dict[str, Any] = {
            "type": f"urn:mayfly:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:mayfly:request:{request_id}",
        }
        if self.errors:
            document["errors"] = [dict(each) for each in self.errors]
        return document


def problem_of(error: Exception) -> Problem:
    """Convert an error to a problem.

    An unexpected error becomes an internal error without its message.
    """
    if isinstance(error, MayflyError):
        return _mayfly_problem(error)
    if isinstance(error, HTTPException) and error.status_code in _HTTP_KINDS:
        return _http_problem(error)
    code, title, detail = _UNEXPECTED
    return Problem(status=500, code=code, title=title, detail=detail, headers={})


def kind_of(error: type[MayflyError]) -> Kind:
    """Find the kind of an error class or its nearest base."""
    return next(KINDS[each] for each in error.__mro__ if each in KINDS)


def _mayfly_problem(error: MayflyError) -> Problem:
    kind = kind_of(type(error))
    return Problem(
        status=kind.status,
        code=error.code,
        title=kind.title,
        detail=_detail(error, kind),
        errors=_field_errors(error) if kind.status == 422 and isinstance(error, InvalidInput) else (),
        headers={**_retry_after(error), **_allow(error), **_challenge(error)},
    )


def _detail(error: MayflyError, kind: Kind) -> str:
    if isinstance(error, SettingsError):
        return f"The setting {error.name} of this deployment is missing or malformed."
    return kind.detail or str(error)


def _retry_after(error: MayflyError) -> dict[str, str]:
    if not error.retryable:
        return {}
    return {"Retry-After": str(math.ceil(error.retry_after_s or _RETRY_S))}


def _allow(error: MayflyError) -> dict[str, str]:
    return {"Allow": ", ".join(error.allowed)} if isinstance(error, errors.RouteMethodNotAllowed) else {}


def _challenge(error: MayflyError) -> dict[str, str]:
    """Build the challenge header that RFC 9110 (15.5.2) requires for every 401."""
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.CallerUnverified) else {}


def _http_problem(error: HTTPException) -> Problem:
    code, title, default_detail = _HTTP_KINDS[error.status_code]
    detail = error.detail if isinstance(error, Refusal) else default_detail
    return Problem(status=error.status_code, code=code, title=title, detail=detail, headers=dict(error.headers or {}))


def _field_errors(error: InvalidInput) -> tuple[Mapping[str, str], ...]:
    if isinstance(error, InvalidParameter):
        return ({"parameter": error.path, "in": error.place, "detail": str(error)},)
    if isinstance(error.__cause__, ValidationError):
        return tuple(
            {"pointer": pointer(location), "detail": expected} for location, expected in field_problems(error.__cause__)
        )
    if error.path:
        location = error.path.replace("[", ".").replace("]", "").split(".")
        return ({"pointer": pointer(location), "detail": str(error)},)
    return ()


def pointer(location: tuple[int | str, ...] | list[str]) -> str:
    """Format a path as a JSON pointer fragment (RFC 6901).

    Source: the examples of RFC 9457
    """
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
