"""Every error a caller may handle, in one tree.

MayflyError
├── InvalidInput                 a value from outside is wrong; nothing was written
│   ├── MessageTooLarge
│   └── InvalidCharacter         file, path inside it, what was expected
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
│   ├── CallerUnverified         nobody vouches for who is asking
│   ├── EntityNotCaller          the message names another sender than the verified caller
│   └── RoomNotJoined            the room is there, and the caller takes no part in it
├── RouteError
│   ├── RouteNotFound
│   ├── RouteMethodNotAllowed    names the methods that are
│   └── RouteNotPublic
├── ServiceError
│   ├── ServiceNotFound
│   ├── NoSendHandler
│   └── TargetError              what was sent did not reach its target; names it
│       ├── TargetGone           the connection is closed for good
│       └── TargetUnavailable    (retryable)
├── TurnError
│   ├── TurnInProgress           another invocation answers this message (retryable)
│   ├── MessageConflict          the message id was used with another body
│   ├── RoomOfAnotherAgent
│   └── LeaseLost                another invocation took this turn over
├── ActionError
├── StateError
├── ModelError
│   ├── ModelNotFound
│   ├── ModelRequestRejected     400, 404, 409, 422: the request itself is refused
│   ├── ModelAuthenticationFailed
│   ├── ModelRateLimited         429 (retryable, `retry_after_s`)
│   ├── ModelUnavailable         408, 5xx, no connection, a cut stream (retryable)
│   ├── ModelTimeout             (retryable)
│   ├── ModelAnswerMalformed     not the protocol, or empty (retryable)
│   ├── ModelRefused
│   └── ModelAnswerTruncated     `finish_reason=length`; keeps the partial text
├── StoreError
│   ├── StoreUnavailable         the database did not answer (retryable)
│   ├── SchemaOutOfDate          names the migrate command
│   ├── DuplicateRecord
│   ├── RecordNotFound
│   ├── InvalidRecord            a constraint of the schema refused it
│   └── DimensionMismatch
├── QueueError
│   ├── QueueUnavailable         the queue did not take what it was given (retryable)
│   └── QueueFull                a queue in memory has no room (retryable)
├── FetchRefused                 a file from the web was not read: address, size, type, or the server's answer
└── DeadlineExceeded             the time the invocation has left is used up (retryable)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar


class MayflyError(Exception):
    """The base of all errors this package raises on purpose.

    `code` is the stable name that problem documents, logs and stored runs carry;
    `retryable` says whether the same call can succeed later without a change.
    """

    code: ClassVar[str] = "error"
    retryable: bool = False
    retry_after_s: float | None = None

    def as_json(self) -> dict[str, object]:
        """The error as results and stored runs carry it."""
        waiting = {} if self.retry_after_s is None else {"retry_after_s": round(self.retry_after_s, 3)}
        return {"code": self.code, "message": str(self), "retryable": self.retryable, **waiting}


class InvalidInput(MayflyError):
    """A value from outside is wrong; `path` says where in it (`content.text`), empty for the whole."""

    code = "invalid-input"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class MessageTooLarge(InvalidInput):
    """The message's text is over the limit (`MESSAGE_LIMIT_BYTES`)."""

    code = "message-too-large"


class InvalidCharacter(InvalidInput):
    """A character cannot be read; the text names the file, the path inside it and what was expected."""

    code = "invalid-character"

    def __init__(self, message: str, *, source: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source


class SettingsError(MayflyError):
    """A setting is missing or malformed; `name` is the setting's."""

    code = "invalid-settings"

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class AgentError(MayflyError):
    """Something about an agent as a whole."""

    code = "agent-error"


class AgentNotFound(AgentError):
    """No agent of that id or name runs here."""

    code = "agent-not-found"


class AgentAlreadyRegistered(AgentError):
    """An agent with this id is registered already."""

    code = "agent-already-registered"


class PluginError(MayflyError):
    """A plugin could not be loaded or initialized."""

    code = "plugin-error"


class PluginNotFound(PluginError):
    """No plugin of that name is installed; the text lists the known names."""

    code = "plugin-not-found"


class PluginCycle(PluginError):
    """Plugins depend on each other in a circle; the text shows the path."""

    code = "plugin-cycle"


class PluginDependencyMissing(PluginError):
    """A plugin needs another one that is not in the list."""

    code = "plugin-dependency-missing"


class DuplicateComponent(PluginError):
    """Two components of one kind share a name."""

    code = "duplicate-component"


class AccessError(MayflyError):
    """Who asks may not do that."""

    code = "access-error"


class CallerUnverified(AccessError):
    """The request comes from nobody that `AUTH_MODE` knows: nobody verified who is asking."""

    code = "caller-unverified"


class EntityNotCaller(AccessError):
    """The message names another sender than the verified caller."""

    code = "entity-not-caller"


class RoomNotJoined(AccessError):
    """The room is there, and the caller takes no part in it."""

    code = "room-not-joined"


class RouteError(MayflyError):
    """A request to a plugin's route was not answered."""

    code = "route-error"


class RouteNotFound(RouteError):
    """No plugin of the agent has a route at that path."""

    code = "route-not-found"


class RouteMethodNotAllowed(RouteError):
    """The path takes other methods; `allowed` lists them."""

    code = "route-method-not-allowed"

    def __init__(self, message: str, *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class RouteNotPublic(RouteError):
    """The route is for trusted callers alone."""

    code = "route-not-public"


class ServiceError(MayflyError):
    """A service could not start."""

    code = "service-error"


class ServiceNotFound(ServiceError):
    """Nothing registers a service of that type."""

    code = "service-not-found"


class NoSendHandler(ServiceError):
    """No send handler is registered for that source."""

    code = "no-send-handler"


class TargetError(ServiceError):
    """What was sent did not reach its target; the text names it."""

    code = "target-error"


class TargetGone(TargetError):
    """The target is closed for good."""

    code = "target-gone"


class TargetUnavailable(TargetError):
    """The target could not be reached, or has no room now; safe to send again."""

    code = "target-unavailable"
    retryable = True


class TurnError(MayflyError):
    """The turn of a message cannot go on here."""

    code = "turn-error"


class TurnInProgress(TurnError):
    """Another invocation is answering this message; ask again after `retry_after_s`."""

    code = "turn-in-progress"
    retryable = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class MessageConflict(TurnError):
    """The message id was used before, with another body."""

    code = "message-conflict"


class RoomOfAnotherAgent(TurnError):
    """The room belongs to another agent."""

    code = "room-of-another-agent"


class LeaseLost(TurnError):
    """Another invocation took this turn over; its answer counts, this one was not stored."""

    code = "lease-lost"
    retryable = True


class ActionError(MayflyError):
    """An action failed; `action` is its name."""

    code = "action-error"

    def __init__(self, message: str, *, action: str) -> None:
        super().__init__(message)
        self.action = action


class StateError(MayflyError):
    """The state could not be composed."""

    code = "state-error"


class ModelError(MayflyError):
    """A model call failed; `status` is the HTTP status when there was one."""

    code = "model-error"

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ModelNotFound(ModelError):
    """No handler is registered for that model type, or none by that provider."""

    code = "model-not-found"


class ModelRequestRejected(ModelError):
    """The provider refused the request itself (unknown model, too many tokens, wrong parameter)."""

    code = "model-request-rejected"


class ModelAuthenticationFailed(ModelError):
    """The provider did not accept the key."""

    code = "model-authentication-failed"


class ModelRateLimited(ModelError):
    """Too many requests or tokens; `retry_after_s` when the provider said."""

    code = "model-rate-limited"
    retryable = True


class ModelUnavailable(ModelError):
    """The provider did not answer, answered 5xx, or its stream was cut."""

    code = "model-unavailable"
    retryable = True


class ModelTimeout(ModelError):
    """The provider did not answer in the time given."""

    code = "model-timeout"
    retryable = True


class ModelAnswerMalformed(ModelError):
    """The answer is not what the protocol promises, or it is empty."""

    code = "model-answer-malformed"
    retryable = True


class ModelRefused(ModelError):
    """The model declined to answer."""

    code = "model-refused"


class ModelAnswerTruncated(ModelError):
    """The answer hit the token limit; `partial` is the text up to there."""

    code = "model-answer-truncated"

    def __init__(self, message: str, *, partial: str) -> None:
        super().__init__(message)
        self.partial = partial


class StoreError(MayflyError):
    """The database refused or failed."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The database did not answer; safe to retry."""

    code = "store-unavailable"
    retryable = True


class SchemaOutOfDate(StoreError):
    """The database is not at the schema this version needs; run `mayfly migrate`."""

    code = "schema-out-of-date"


class DuplicateRecord(StoreError):
    """A record with this id is there already."""

    code = "duplicate-record"


class RecordNotFound(StoreError):
    """No record has this id."""

    code = "record-not-found"


class InvalidRecord(StoreError):
    """A constraint of the schema refused the record."""

    code = "invalid-record"


class DimensionMismatch(StoreError):
    """A vector has another dimension than its model's embeddings in the store."""

    code = "dimension-mismatch"


class QueueError(MayflyError):
    """Something about a job queue."""

    code = "queue-error"


class QueueUnavailable(QueueError):
    """The queue did not take what it was given; safe to send again."""

    code = "queue-unavailable"
    retryable = True


class QueueFull(QueueError):
    """A queue in memory has no room for one more, or takes nothing more; nothing was queued."""

    code = "queue-full"
    retryable = True


class FetchRefused(MayflyError):
    """A file from the web was not read; the text says why, in words for the model."""

    code = "fetch-refused"


class DeadlineExceeded(MayflyError):
    """The time this invocation has left is used up."""

    code = "deadline-exceeded"
    retryable = True


@contextmanager
def told_as(kind: type[MayflyError], what: str) -> Iterator[None]:
    """Name the part that fails inside: our errors keep their kind and get a note, any other becomes one of `kind`."""
    try:
        yield
    except MayflyError as error:
        error.add_note(f"raised by {what}")
        raise
    except Exception as error:
        raise kind(f"{what} failed: {type(error).__name__}: {error}") from error
