"""Authentication and access checks, in effect where `AUTH_MODE` verifies callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.message_request import EntityInput, MessageRequest
from runtime_core.domain.world import Participant, Room
from runtime_core.errors import CallerUnverified, EntityNotCaller, InvalidInput, RoomNotJoined
from runtime_core.http.problems import NotFound
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.domain.caller import Caller

Endpoint: TypeAlias = Callable[[DeploymentSource, Request], Awaitable[Response]]
RANDOM_VERSIONS = frozenset({4, 7})  # of UUIDs that cannot be guessed (RFC 9562)


def require_authentication(source: DeploymentSource, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an endpoint so that it authenticates its caller first."""

    async def serve(request: Request) -> Response:
        authenticate(await source(), request)
        return await endpoint(source, request)

    return serve


def authenticate(deployment: Deployment, request: Request) -> Caller | None:
    """Return the verified caller of a request.

    Returns:
        The caller, or None where `AUTH_MODE` is `none`.

    Raises:
        CallerUnverified: `AUTH_MODE` verifies callers, and the request has no verified caller.
    """
    caller = find_caller(deployment, request)
    if caller is None and deployment.settings.auth_mode != "none":
        raise CallerUnverified(
            "The request has no verified caller: send it through the gateway with the credentials of its authorizer."
        )
    return caller


def find_caller(deployment: Deployment, request: Request) -> Caller | None:
    """Find the verified caller of a request.

    Returns:
        The caller, or None if the request has none or `AUTH_MODE` is `none`.
    """
    if deployment.settings.auth_mode == "none":
        return None
    verified: Callable[[], Caller | None] | None = getattr(request.state, "verified_caller", None)
    return verified() if verified else None


def assign_sender(message: MessageRequest, caller: Caller) -> MessageRequest:
    """Set the caller as the message's sender.

    Raises:
        EntityNotCaller: The message names another sender.
    """
    given = message.entity
    if given is not None and given.id != caller.entity_id:
        raise EntityNotCaller(f"entity.id: the sender is the verified caller {caller.entity_id}: leave entity out")
    entity = EntityInput(id=caller.entity_id, name=(given.name if given else None) or caller.name)
    return message.model_copy(update={"entity": entity})


async def is_participant(deployment: Deployment, agent_id: UUID, room_id: UUID, caller: Caller | None) -> bool:
    """Whether the caller participates in the room.

    Always True where callers are not verified (`caller` is None).
    """
    if caller is None:
        return True
    found = await deployment.database.records.find(
        Participant, agent_id, room_id=room_id, entity_id=caller.entity_id, limit=1
    )
    return bool(found)


async def check_participant(deployment: Deployment, agent_id: UUID, room_id: UUID, request: Request) -> None:
    """Check that the caller participates in the room.

    Raises:
        CallerUnverified: As in `authenticate`.
        NotFound: The caller does not participate, or the room does not exist.
    """
    if not await is_participant(deployment, agent_id, room_id, authenticate(deployment, request)):
        raise NotFound("You do not participate in a room with this id.")


async def check_may_speak(deployment: Deployment, message: MessageRequest, caller: Caller | None) -> None:
    """Check that the caller may send a message to its room.

    Sending to a room joins it, and participants read its messages, so knowing the id of an existing
    room must not suffice. A new room needs an unguessable id; otherwise a stranger could create the
    room of another caller first.

    Raises:
        RoomNotJoined: The room exists, and the caller does not participate in it.
        InvalidInput: The room is new, and its id is not a random UUID.
    """
    agent_id = deployment.agent_id(message.agent)
    room_id = message.memory(agent_id).room_id
    if await is_participant(deployment, agent_id, room_id, caller):
        return
    if await deployment.database.records.get(Room, agent_id, [room_id]):
        raise RoomNotJoined(f"you do not participate in room {room_id}: omit room_id to use a room of your own")
    is_own = room_id == message.model_copy(update={"room_id": None}).memory(agent_id).room_id
    if not is_own and room_id.version not in RANDOM_VERSIONS:
        raise InvalidInput("expected a random UUID (version 4 or 7) for a new room, or no room_id", path="room_id")
