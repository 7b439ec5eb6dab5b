"""Tree of the errors that a caller may handle.

MayflyError
├── InvalidInput                 an external value is invalid; nothing was written
│   ├── MessageTooLarge
│   └── InvalidCharacter         names the file, the path inside it and the expected value
├── SettingsError                a setting is missing or malformed; names it
├── AgentError
│   ├── AgentNotFound
│   └── AgentAlreadyRegistered
├── PluginError
│   ├── PluginNotFound
│   ├── PluginCycle
│   ├── PluginDependencyMissing
│   └── DuplicateComponent
├── AccessError
│   ├── CallerUnverified         the request has no verified caller
│   ├── EntityNotCaller          the message's sender is not the verified caller
│   └── RoomNotJoined            the room exists, but the caller does not participate
├── RouteError
│   ├── RouteNotFound
│   ├── RouteMethodNotAllowed    lists the allowed methods
│   └── RouteNotPublic
├── ServiceError
│   ├── ServiceNotFound
│   ├── NoSendHandler
│   └── TargetError              a message did not reach its target; names the target
│       ├── TargetGone           the connection is permanently closed
│       └── TargetUnavailable    (retryable)
├── TurnError
│   ├── TurnInProgress           another invocation is answering this message (retryable)
│   ├── MessageConflict          the message id was used with another body
│   ├── RoomOfAnotherAgent
│   └── LeaseLost                another invocation took over this turn (retryable)
├── ActionError
├── StateError
├── ModelError
│   ├── ModelNotFound
│   ├── ModelRequestRejected     400, 404, 409, 422: the request itself was rejected
│   ├── ModelAuthenticationFailed
│   ├── ModelRateLimited         429 (retryable, `retry_after_s`)
│   ├── ModelUnavailable         408, 5xx, no connection, or a broken stream (retryable)
│   ├── ModelTimeout             (retryable)
│   ├── ModelAnswerMalformed     violates the protocol, or is empty (retryable)
│   ├── ModelRefused
│   └── ModelAnswerTruncated     `finish_reason=length`; keeps the partial text
├── StoreError
│   ├── StoreUnavailable         the database did not respond (retryable)
│   ├── SchemaOutOfDate          names the migrate command
│   ├── DuplicateRecord
│   ├── RecordNotFound
│   ├── InvalidRecord            violates a constraint of the schema
│   └── DimensionMismatch
├── QueueError
│   ├── QueueUnavailable         the queue did not accept a message (retryable)
│   └── QueueFull                an in-memory queue is at its capacity (retryable)
├── FetchRefused                 a web file was not read: address, size, type, or the server's response
└── DeadlineExceeded             the invocation's time is used up (retryable)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar


class MayflyError(Exception):
    """Base of this package's errors.

    Attributes:
        code: Stable name in problem documents, logs and stored runs.
        retryable: Whether the same call can succeed later without a change.
        retry_after_s: Seconds to wait before a retry; None if unknown.
    """

    code: ClassVar[str] = "error"
    retryable: bool = False
    retry_after_s: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return the JSON object of results and stored runs."""
        delay = {} if self.retry_after_s is None else {"retry_after_s": round(self.retry_after_s, 3)}
        return {"code": self.code, "message": str(self), "retryable": self.retryable, **delay}


class InvalidInput(MayflyError):
    """An external value is invalid.

    Attributes:
        path: Location in the value, such as `content.text`; empty for the whole value.
    """

    code = "invalid-input"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class MessageTooLarge(InvalidInput):
    """The message exceeds its size limit (`MESSAGE_LIMIT_BYTES`)."""

    code = "message-too-large"


class InvalidCharacter(InvalidInput):
    """A character is invalid.

    The message names the file, the path inside it and the expected value.
    """

    code = "invalid-character"

    def __init__(self, message: str, *, source: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source


class SettingsError(MayflyError):
    """A setting is missing or malformed; `name` is its name."""

    code = "invalid-settings"

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class AgentError(MayflyError):
    """Base of errors about an agent as a whole."""

    code = "agent-error"


class AgentNotFound(AgentError):
    """The deployment has no agent with that id or name."""

    code = "agent-not-found"


class AgentAlreadyRegistered(AgentError):
    """An agent with this id is registered already."""

    code = "agent-already-registered"


class PluginError(MayflyError):
    """A plugin could not be loaded or initialized."""

    code = "plugin-error"


class PluginNotFound(PluginError):
    """No installed plugin has that name; the message lists the known names."""

    code = "plugin-not-found"


class PluginCycle(PluginError):
    """Plugins depend on each other in a cycle; the message shows it."""

    code = "plugin-cycle"


class PluginDependencyMissing(PluginError):
    """A plugin depends on a plugin that is not in the list."""

    code = "plugin-dependency-missing"


class DuplicateComponent(PluginError):
    """Two components of the same kind have the same name."""

    code = "duplicate-component"


class AccessError(MayflyError):
    """The caller may not perform the request."""

    code = "access-error"


class CallerUnverified(AccessError):
    """The request has no verified caller, which `AUTH_MODE` requires."""

    code = "caller-unverified"


class EntityNotCaller(AccessError):
    """The message's sender is not the verified caller."""

    code = "entity-not-caller"


class RoomNotJoined(AccessError):
    """The room exists, but the caller does not participate in it."""

    code = "room-not-joined"


class RouteError(MayflyError):
    """Base of errors about requests to a plugin's route."""

    code = "route-error"


class RouteNotFound(RouteError):
    """No plugin of the agent has a route at that path."""

    code = "route-not-found"


class RouteMethodNotAllowed(RouteError):
    """The path does not support the method; `allowed` lists the supported ones."""

    code = "route-method-not-allowed"

    def __init__(self, message: str, *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class RouteNotPublic(RouteError):
    """The route is restricted to trusted callers."""

    code = "route-not-public"


class ServiceError(MayflyError):
    """A service could not start."""

    code = "service-error"


class ServiceNotFound(ServiceError):
    """No plugin registers a service of that type."""

    code = "service-not-found"


class NoSendHandler(ServiceError):
    """No send handler is registered for that source."""

    code = "no-send-handler"


class TargetError(ServiceError):
    """A message did not reach its target; the error names the target."""

    code = "target-error"


class TargetGone(TargetError):
    """The target is permanently closed."""

    code = "target-gone"


class TargetUnavailable(TargetError):
    """The target is unreachable or at its capacity; safe to retry."""

    code = "target-unavailable"
    retryable = True


class TurnError(MayflyError):
    """The turn of a message cannot continue in this invocation."""

    code = "turn-error"


class TurnInProgress(TurnError):
    """Another invocation is answering this message; retry after `retry_after_s`."""

    code = "turn-in-progress"
    retryable = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class MessageConflict(TurnError):
    """The message id was already used with another body."""

    code = "message-conflict"


class RoomOfAnotherAgent(TurnError):
    """The room belongs to another agent."""

    code = "room-of-another-agent"


class LeaseLost(TurnError):
    """Another invocation took over this turn; this answer was not stored."""

    code = "lease-lost"
    retryable = True


class ActionError(MayflyError):
    """An action failed; `action` is the action's name."""

    code = "action-error"

    def __init__(self, message: str, *, action: str) -> None:
        super().__init__(message)
        self.action = action


class StateError(MayflyError):
    """The state could not be composed."""

    code = "state-error"


class ModelError(MayflyError):
    """A model call failed; `status` is the HTTP status, or None."""

    code = "model-error"

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ModelNotFound(ModelError):
    """No handler is registered for that model type or provider."""

    code = "model-not-found"


class ModelRequestRejected(ModelError):
    """The provider rejected the request itself.

    Causes are an unknown model, too many tokens or an invalid parameter.
    """

    code = "model-request-rejected"


class ModelAuthenticationFailed(ModelError):
    """The provider rejected the API key."""

    code = "model-authentication-failed"


class ModelRateLimited(ModelError):
    """The provider's rate limit is reached; `retry_after_s` is the provider's."""

    code = "model-rate-limited"
    retryable = True


class ModelUnavailable(ModelError):
    """The provider did not respond, responded 5xx, or broke its stream."""

    code = "model-unavailable"
    retryable = True


class ModelTimeout(ModelError):
    """The provider did not respond within the timeout."""

    code = "model-timeout"
    retryable = True


class ModelAnswerMalformed(ModelError):
    """The answer violates the protocol or is empty."""

    code = "model-answer-malformed"
    retryable = True


class ModelRefused(ModelError):
    """The model declined to answer."""

    code = "model-refused"


class ModelAnswerTruncated(ModelError):
    """The answer reached the token limit; `partial` is its text."""

    code = "model-answer-truncated"

    def __init__(self, message: str, *, partial: str) -> None:
        super().__init__(message)
        self.partial = partial


class StoreError(MayflyError):
    """The database failed or rejected a statement."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The database did not respond; safe to retry."""

    code = "store-unavailable"
    retryable = True


class SchemaOutOfDate(StoreError):
    """The schema does not match this version; run `mayfly migrate`."""

    code = "schema-out-of-date"


class DuplicateRecord(StoreError):
    """A record with this id already exists."""

    code = "duplicate-record"


class RecordNotFound(StoreError):
    """No record has that id."""

    code = "record-not-found"


class InvalidRecord(StoreError):
    """The record violates a constraint of the schema."""

    code = "invalid-record"


class DimensionMismatch(StoreError):
    """A vector's dimension differs from the stored embeddings of its model."""

    code = "dimension-mismatch"


class QueueError(MayflyError):
    """Base of errors about a job queue."""

    code = "queue-error"


class QueueUnavailable(QueueError):
    """The queue did not accept a message; safe to retry."""

    code = "queue-unavailable"
    retryable = True


class QueueFull(QueueError):
    """An in-memory queue is full or closed; nothing was enqueued."""

    code = "queue-full"
    retryable = True


class FetchRefused(MayflyError):
    """A web file was not read; the model sees the message."""

    code = "fetch-refused"


class DeadlineExceeded(MayflyError):
    """The invocation's time is used up."""

    code = "deadline-exceeded"
    retryable = True


@contextmanager
def told_as(kind: type[MayflyError], what: str) -> Iterator[None]:
    """Attribute the errors of a block to one part.

    Args:
        kind: Class of the error that replaces a foreign exception.
        what: The part. Errors of this package are raised unchanged, with a note that names it.
    """
    try:
        yield
    except MayflyError as error:
        error.add_note(f"raised by {what}")
        raise
    except Exception as error:
        raise kind(f"{what} failed: {type(error).__name__}: {error}") from error
