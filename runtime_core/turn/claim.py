"""Claim of a message.

One statement stores the message, claims its run and reads the room.
"""

from __future__ import annotations

import time
from dataclasses import replace

from runtime_core.domain.memory_query import RecallQuery
from runtime_core.domain.result import MessageProcessingResult, load_result
from runtime_core.domain.run import Outcome, Run, TurnContext, TurnStart, body_hash
from runtime_core.domain.world import ChannelType, Entity, Room, World
from runtime_core.errors import MessageConflict, RoomOfAnotherAgent, TurnInProgress
from runtime_core.support.deadline import current_deadline
from runtime_core.turn.finish import log_end
from runtime_core.turn.value import Turn

UNBOUNDED_LEASE_S = 120.0  # without a deadline: how long a crash delays the next delivery
LEASE_MARGIN_S = 1.0  # past the deadline, so that a turn that ends in time keeps its claim
_LONGEST_WAIT_S = 5.0  # before the caller asks again: an answer usually comes long before the lease ends


async def claim(turn: Turn) -> Run:
    """Claim the message's run.

    Returns:
        The run: new, resumed, or completed before; then `turn.scope.context` stays None.

    Raises:
        TurnInProgress: Another invocation holds the lease.
        MessageConflict: The id was used with another body.
        RoomOfAnotherAgent: The room belongs to another agent, and `options.may_join` is False.
    """
    scope = turn.scope
    context = await turn.runtime.database.turns.begin(_start(turn, turn.recall.claim_query))
    turn.end_phase("begin_ms")
    run = _won(context, turn)
    scope.run_id, scope.room_id = run.id, run.room_id
    if context.outcome is not Outcome.REPLAY:
        scope.context = context
        scope.began = time.monotonic()
        turn.recall.set_context(context)
        turn.message = context.message or turn.message
    return run


async def replay(turn: Turn, run: Run) -> MessageProcessingResult:
    """Replay the stored answer.

    It is sent to the listener as when it was new, and returned.
    """
    result = load_result(run.result or {})
    for memory in result.response_messages:
        await turn.send(memory.content)
    log_end(turn, "replay")
    return result


def _start(turn: Turn, recall: RecallQuery | None) -> TurnStart:
    runtime, message = turn.runtime, turn.message
    name = runtime.character.name
    world_id = message.world_id or runtime.default_world_id
    agent = Entity(id=runtime.agent_id, names=(name,))
    sender_name = message.metadata.get("entity_name") or message.content.data.get("user_name")
    sender = Entity(id=message.entity_id, names=(str(sender_name),) if sender_name else ())
    return TurnStart(
        run_id=turn.scope.run_id,
        agent_id=runtime.agent_id,
        agent_name=name,
        lease_owner=turn.owner,
        lease_s=_lease_s(turn),
        body_hash=body_hash(message),
        message=replace(message, world_id=world_id, embedding=None),
        world=World(id=world_id, name=message.content.source),
        room=Room(
            id=message.room_id,
            world_id=world_id,
            source=message.content.source,
            type=message.content.channel_type or ChannelType.API,
        ),
        entities=(agent,) if sender.id == agent.id else (sender, agent),
        conversation_length=runtime.get_conversation_length(),
        embedding_priority="high" if runtime.embeds else None,
        may_join=turn.options.may_join,
        recall=recall,
    )


def _lease_s(turn: Turn) -> float:
    if turn.options.lease_s is not None:
        return turn.options.lease_s
    limit = current_deadline()
    return LEASE_MARGIN_S + (limit.remaining_s() if limit else UNBOUNDED_LEASE_S)


def _won(context: TurnContext, turn: Turn) -> Run:
    message = turn.message
    if context.outcome is Outcome.FOREIGN_ROOM:
        raise RoomOfAnotherAgent(
            f"room {message.room_id} belongs to agent {context.room_owner!r}: send the message to that agent, "
            f"or give {turn.runtime.character.name!r} a room of its own"
        )
    if context.outcome is Outcome.CONFLICT:
        raise MessageConflict(
            f"message id {message.id} was used before with another body: a new message needs a new id"
        )
    assert context.run is not None  # noqa: S101 - every other outcome comes with the run
    if context.outcome is Outcome.RUNNING:
        until = context.run.lease_until or context.now
        retry_after_s = min(_LONGEST_WAIT_S, max(1.0, (until - context.now).total_seconds()))
        raise TurnInProgress(
            f"message {message.id} is being answered by another invocation; ask again in {retry_after_s:.0f} s",
            retry_after_s=retry_after_s,
        )
    return context.run
