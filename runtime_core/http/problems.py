"""Problem documents (RFC 9457): which status and words each error has at the HTTP border, in one table."""

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
_RETRY_S = 1.0  # when an error is worth a retry, but nothing says when


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of error looks from outside.

    Attributes:
        detail: Fixed words; None lets the error speak, where its text is this package's own and meant for the caller.
    """

    status: int
    title: str
    detail: str | None = None


KINDS: Mapping[type[MayflyError], Kind] = {
    MayflyError: Kind(500, "Internal error", "The message could not be handled."),
    errors.InvalidInput: Kind(422, "Invalid input"),
    errors.MessageTooLarge: Kind(413, "Message too large"),
    errors.InvalidCharacter: Kind(500, "Invalid character", "A character of this deployment cannot be read."),
    errors.SettingsError: Kind(500, "Invalid settings"),  # its detail names the setting, never the value
    errors.AgentError: Kind(500, "Agent error", "The agent could not handle the message."),
    errors.AgentNotFound: Kind(404, "Agent not found"),
    errors.PluginError: Kind(500, "Plugin error", "A plugin of this deployment could not be loaded."),
    errors.AccessError: Kind(403, "Access refused"),
    errors.CallerUnverified: Kind(401, "Caller not verified"),
    errors.EntityNotCaller: Kind(403, "Entity is not the caller"),
    errors.RoomNotJoined: Kind(403, "Room not joined"),
    errors.RouteError: Kind(500, "Route error", "The plugin's route could not answer."),
    errors.RouteNotFound: Kind(404, "Route not found"),
    errors.RouteMethodNotAllowed: Kind(405, "Method not allowed"),
    errors.RouteNotPublic: Kind(403, "Route not public"),
    errors.ServiceError: Kind(500, "Service error", "A service of this deployment could not start."),
    errors.TargetError: Kind(502, "Target error", "What the agent sent did not reach its target."),
    errors.TargetGone: Kind(502, "Target gone", "What the agent sent had a target that is closed."),
    errors.TargetUnavailable: Kind(503, "Target unavailable", "The target of what the agent sent was not reached."),
    errors.TurnError: Kind(500, "Turn error", "The message could not be handled."),
    errors.TurnInProgress: Kind(409, "Turn in progress"),
    errors.MessageConflict: Kind(422, "Message conflict"),
    errors.RoomOfAnotherAgent: Kind(403, "Room of another agent"),
    errors.LeaseLost: Kind(409, "Lease lost", "Another request took this message over; ask again for its answer."),
    errors.ActionError: Kind(500, "Action error", "An action of the agent failed."),
    errors.StateError: Kind(500, "State error", "The agent's state could not be composed."),
    errors.ModelError: Kind(502, "Model error", "The model call failed."),
    errors.ModelNotFound: Kind(500, "Model not found", "No model is configured for what was asked."),
    errors.ModelRequestRejected: Kind(502, "Model request rejected", "The model provider refused the request."),
    errors.ModelAuthenticationFailed: Kind(
        502, "Model authentication failed", "The model provider did not accept this deployment's key (OPENAI_API_KEY)."
    ),
    errors.ModelRateLimited: Kind(503, "Model rate limited", "The model provider asks to slow down."),
    errors.ModelUnavailable: Kind(503, "Model unavailable", "The model provider did not answer properly."),
    errors.ModelTimeout: Kind(504, "Model timeout", "The model provider did not answer in time."),
    errors.ModelAnswerMalformed: Kind(502, "Model answer malformed", "The model's answer could not be read."),
    errors.ModelRefused: Kind(502, "Model refused", "The model declined to answer."),
    errors.ModelAnswerTruncated: Kind(502, "Model answer truncated", "The model's answer hit its token limit."),
    errors.StoreError: Kind(500, "Store error", "The database refused a statement."),
    errors.StoreUnavailable: Kind(503, "Store unavailable", "The database did not answer."),
    errors.SchemaOutOfDate: Kind(
        500, "Schema out of date", "The database is not at the schema this version needs: run `mayfly migrate`."
    ),
    errors.QueueUnavailable: Kind(503, "Queue unavailable", "The queue did not answer."),
    errors.QueueFull: Kind(503, "Queue full", "There is no room for more work now."),
    errors.DeadlineExceeded: Kind(504, "Deadline exceeded", "The time for this request is used up."),
}

_HTTP_KINDS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed-request", "Malformed request", "The request cannot be read."),
    404: ("not-found", "Not found", "Nothing is at this address; GET /openapi.json lists what is."),
    405: ("method-not-allowed", "Method not allowed", "This address does not take this method."),
    406: ("not-acceptable", "Not acceptable", "The answer has no representation that the Accept header allows."),
    415: ("unsupported-media-type", "Unsupported media type", "The body has to be application/json in UTF-8."),
}
_UNEXPECTED = ("internal-error", "Internal error", "Something went wrong here; the request id finds it in the log.")


class InvalidParameter(InvalidInput):
    """A part of the request beside its body is wrong; `place` is query, path or header."""

    def __init__(self, message: str, *, name: str, place: str) -> None:
        super().__init__(message, path=name)
        self.place = place


class Refusal(HTTPException):
    """HTTP itself says no, with a detail in our words for the caller."""


class MalformedRequest(Refusal):
    """The request cannot be read at all."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class NotThere(Refusal):
    """Nothing has that id."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


class UnsupportedMediaType(Refusal):
    """The body is of a kind that nobody here reads."""

    def __init__(self, detail: str) -> None:
        super().__init__(415, detail, headers={"Accept-Post": "application/json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem document before it is written.

    Attributes:
        code: Stable; the document's type is `urn:mayfly:problem:<code>`.
        errors: The wrong fields, each with a JSON pointer into the body, or a parameter and where it stands.
        headers: Go out beside the document.
    """

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str]

    def document(self, request_id: str) -> dict[str, Any]:
        """The document; `instance` names the request that met the problem."""
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
    """Say what an error is to the caller; an error that is not ours is internal, and its text stays here."""
    if isinstance(error, MayflyError):
        return _of_ours(error)
    if isinstance(error, HTTPException) and error.status_code in _HTTP_KINDS:
        return _of_http(error)
    code, title, detail = _UNEXPECTED
    return Problem(status=500, code=code, title=title, detail=detail, headers={})


def kind_of(error: type[MayflyError]) -> Kind:
    """The kind of an error's class, or of the nearest class above it."""
    return next(KINDS[each] for each in error.__mro__ if each in KINDS)


def _of_ours(error: MayflyError) -> Problem:
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
    """What RFC 9110 (15.5.2) wants beside every 401: the way most callers prove who they are."""
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.CallerUnverified) else {}


def _of_http(error: HTTPException) -> Problem:
    code, title, detail = _HTTP_KINDS[error.status_code]
    own_words = error.detail if isinstance(error, Refusal) else detail
    return Problem(
        status=error.status_code, code=code, title=title, detail=own_words, headers=dict(error.headers or {})
    )


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
    """Write a path as a JSON pointer (RFC 6901), as a URI fragment the way RFC 9457's examples do."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
