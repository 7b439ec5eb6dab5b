"""Who is asking, and what is theirs to see: checks that hold where `AUTH_MODE` says that callers are verified."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.message_request import EntityInput, MessageRequest
from runtime_core.domain.world import Participant, Room
from runtime_core.errors import CallerUnverified, EntityNotCaller, InvalidInput, RoomNotJoined
from runtime_core.http.problems import NotThere
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.domain.caller import Caller

Endpoint: TypeAlias = Callable[[DeploymentSource, Request], Awaitable[Response]]
RANDOM_VERSIONS = frozenset({4, 7})  # of UUIDs that nobody can know before they are told (RFC 9562)


def for_callers(source: DeploymentSource, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for those who may call at all: everyone, or verified callers alone."""

    async def checked(request: Request) -> Response:
        caller_of(await source(), request)
        return await endpoint(source, request)

    return checked


def caller_of(deployment: Deployment, request: Request) -> Caller | None:
    """The verified caller; None where callers are not verified.

    Raises:
        CallerUnverified: They are, and this one was not.
    """
    caller = known_caller(deployment, request)
    if caller is None and deployment.settings.auth_mode != "none":
        raise CallerUnverified("Nobody verified who is asking: call through the API, with what its authorizer wants.")
    return caller


def known_caller(deployment: Deployment, request: Request) -> Caller | None:
    """The verified caller; None where this one was not, or callers are not verified."""
    if deployment.settings.auth_mode == "none":
        return None
    verified: Callable[[], Caller | None] | None = getattr(request.state, "verified_caller", None)
    return verified() if verified else None


def sent_by(message: MessageRequest, caller: Caller) -> MessageRequest:
    """The message with the caller as its sender.

    Raises:
        EntityNotCaller: It names another one.
    """
    given = message.entity
    if given is not None and given.id != caller.entity_id:
        raise EntityNotCaller(f"entity.id: the sender is the verified caller, {caller.entity_id}; leave entity out")
    entity = EntityInput(id=caller.entity_id, name=(given.name if given else None) or caller.name)
    return message.model_copy(update={"entity": entity})


async def takes_part(deployment: Deployment, agent_id: UUID, room_id: UUID, caller: Caller | None) -> bool:
    """Whether a room is the caller's to see: they take part in it, or callers are not verified."""
    if caller is None:
        return True
    found = await deployment.database.records.find(
        Participant, agent_id, room_id=room_id, entity_id=caller.entity_id, limit=1
    )
    return bool(found)


async def check_takes_part(deployment: Deployment, agent_id: UUID, room_id: UUID, request: Request) -> None:
    """Check that a room is the caller's to see.

    Raises:
        CallerUnverified: As `caller_of`.
        NotThere: It is not, or it is not there at all.
    """
    if not await takes_part(deployment, agent_id, room_id, caller_of(deployment, request)):
        raise NotThere("You take part in no room with this id.")


async def check_may_speak(deployment: Deployment, message: MessageRequest, caller: Caller | None) -> None:
    """Check that the message's room is one of the caller's, or nobody's yet.

    Speaking in a room joins it, and who has joined reads what was said: so nobody joins by knowing an id alone. A room
    that is opened needs an id that nobody could know before; else a stranger could open somebody's own room first.

    Raises:
        RoomNotJoined: The room is there, without the caller.
        InvalidInput: The room is not there, and its id is no random one.
    """
    agent_id = deployment.agent_id(message.agent)
    room_id = message.memory(agent_id).room_id
    if await takes_part(deployment, agent_id, room_id, caller):
        return
    if await deployment.database.records.get(Room, agent_id, [room_id]):
        raise RoomNotJoined(f"room {room_id} is there, and you take no part in it")
    is_own = room_id == message.model_copy(update={"room_id": None}).memory(agent_id).room_id
    if not is_own and room_id.version not in RANDOM_VERSIONS:
        raise InvalidInput("expected a random UUID (version 4 or 7) for a new room, or none", path="room_id")
