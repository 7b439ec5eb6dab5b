"""Execution of the model's tool calls; a failing action becomes a result."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import field, fields, replace
from typing import Any

from pydantic_core import from_json

from runtime_core.domain.chat import ToolCall
from runtime_core.domain.events import EventType
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.memory import Content, Memory, coerce_memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.domain.state import State
from runtime_core.domain.values import coerce, encode_json
from runtime_core.errors import DeadlineExceeded, InvalidInput, MayflyError
from runtime_core.plugin_api import Action, Callback, Context
from runtime_core.rooms.audit import audit
from runtime_core.rooms.contexts import belongs
from runtime_core.rooms.roles import roles_held
from runtime_core.support.arguments import call
from runtime_core.support.deadline import current_deadline, grace, within
from runtime_core.support.scope import scope_of
from runtime_core.turn.parameters import check_arguments

log = logging.getLogger(__name__)

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # the JSON escape, not the six literal characters
_AUDIT_S = 0.25  # for the audit line of an action that used up the deadline
ACTION_TIMEOUT_S = 60.0  # for an action without its own timeout; the deadline applies as well


async def say_nothing(content: Content | Mapping[str, Any]) -> Sequence[Memory]:
    """Ignore an action's content: the default callback."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallContext:
    """Context of a planned tool call.

    Attributes:
        active_contexts: Actions bound to other contexts are refused; empty refuses none.
        user_roles: The sender's roles; actions bound to other roles are refused.
    """

    message: Memory
    state: State = field(default_factory=State)
    active_contexts: tuple[str, ...] = ()
    user_roles: tuple[str, ...] = ()
    callback: Callback = say_nothing


_CONTEXT_FIELDS = frozenset(each.name for each in fields(ToolCallContext))


async def process_actions(
    runtime: Context, message: Memory, names: Sequence[str], *, state: State | None, callback: Callback | None
) -> list[ActionResult]:
    """Run actions by name, in order, each with `execute_planned_tool_call`.

    Args:
        state: The state for the actions; None composes it.
        callback: Called with each content of an action; None ignores them.
    """
    context = ToolCallContext(
        message=message,
        state=state or await runtime.compose_state(message),
        active_contexts=runtime.active_contexts(),
        user_roles=_roles(runtime, message),
        callback=callback or say_nothing,
    )
    return [await execute_planned_tool_call(runtime, context, {"name": name}) for name in names]


async def execute_planned_tool_call(
    runtime: Context, ctx: ToolCallContext | Mapping[str, Any], tool_call: ToolCall | Mapping[str, Any]
) -> ActionResult:
    """Run one action by name (or simile) with checked parameters.

    With a valid context it never raises: an unknown, refused, failing or timed-out action, invalid parameters and
    a result that cannot be stored give a result with `success=False` and an `error` for the model. Later actions
    can read the result.

    Args:
        ctx: A context, or a dict of its fields.
        tool_call: A call, or `{"name": …, "params": {…}}`.

    Raises:
        InvalidInput: `ctx` has no message, so that no turn can keep the result, or has an unknown field.
    """
    context = coerce_context(ctx)
    planned = _coerce_call(tool_call)
    action = find_action(runtime.actions, planned.name)
    name = action.name if action else planned.name
    await runtime.emit(EventType.ACTION_STARTED, _event(runtime, context, name))
    arguments: Mapping[str, Any] = {}
    refusal = await _find_refusal(runtime, action, context) if action is not None else None
    try:
        arguments = _parse_arguments(planned.arguments)
        result = (
            ActionResult(success=False, error=refusal)
            if refusal
            else await _run(runtime, context, action, planned.name, arguments)
        )
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        result = ActionResult(
            success=False, error=f"{name} was cancelled"
        )  # the action cancelled itself; the turn was not cancelled
    except DeadlineExceeded as error:
        result = ActionResult(success=False, error=str(error))
    except MayflyError as error:
        result = ActionResult(success=False, error=f"{name}: {error}")
    except Exception as error:
        log.exception("action failed", extra={"action": name})
        result = ActionResult(success=False, error=f"{name} failed: {type(error).__name__}: {error}")
    result = _ensure_storable(replace(result, action=name, tool_call_id=planned.id, arguments=arguments))
    scope_of(runtime.agent_id).add_result(context.message.id, result)
    await _write_audit(runtime, context, result, refused=refusal is not None)
    await runtime.emit(EventType.ACTION_COMPLETED, {**_event(runtime, context, name), "result": result})
    return result


async def _write_audit(runtime: Context, context: ToolCallContext, result: ActionResult, *, refused: bool) -> None:
    """Append a line to the audit trail, and log a failure.

    A failure is not raised, since storing the turn meets the same fault and reports it.
    """
    kind = "action.refused" if refused else "action.completed" if result.success else "action.failed"
    body = {"action": result.action, "arguments": result.arguments, "error": result.error}
    limit = current_deadline()
    used_up = limit is not None and limit.remaining_s() <= 0
    try:
        with grace(_AUDIT_S) if used_up else nullcontext():
            await audit(runtime, kind, body, context.message)
    except MayflyError:
        log.exception("audit line not written", extra={"action": result.action, "kind": kind})


def find_action(actions: Sequence[Action], name: str) -> Action | None:
    """Find an action by its name, else the first by a simile.

    Similes ignore case, underscores, spaces and hyphens.

    Returns:
        None if no action matches.
    """
    exact = next((each for each in actions if each.name == name), None)
    if exact is not None:
        return exact
    wanted = _normalize(name)
    return next(
        (each for each in actions if wanted in {_normalize(known) for known in (each.name, *each.similes)}), None
    )


def _normalize(name: str) -> str:
    return name.replace("_", "").replace(" ", "").replace("-", "").upper()


def coerce_context(ctx: ToolCallContext | Mapping[str, Any]) -> ToolCallContext:
    """Return a context as is, or build it from a dict.

    A missing state is empty.

    Raises:
        InvalidInput: The message is missing or malformed, or a field is unknown.
    """
    if isinstance(ctx, ToolCallContext):
        return ctx
    known = {key: value for key, value in ctx.items() if value is not None}
    if unknown := known.keys() - _CONTEXT_FIELDS:
        raise InvalidInput(
            f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_CONTEXT_FIELDS))}", path="ctx"
        )
    known["message"] = coerce_memory(known["message"], name="message") if "message" in known else None
    if known["message"] is None:
        raise InvalidInput("is required", path="ctx.message")
    return ToolCallContext(**known)


def _coerce_call(given: object) -> ToolCall:
    """Coerce a planned call; never raises.

    A malformed call gets an empty name. Arguments that are not JSON fail later, in `_parse_arguments`.
    """
    if isinstance(given, ToolCall):
        return given
    if not isinstance(given, Mapping):
        return ToolCall(id="", name="")
    params = given.get("params", given.get("arguments"))
    try:
        arguments = params if isinstance(params, str) else encode_json({} if params is None else params)
    except InvalidInput:
        arguments = repr(params)
    return ToolCall(id=str(given.get("id", "")), name=str(given.get("name", "")), arguments=arguments)


def _ensure_storable(result: ActionResult) -> ActionResult:
    """Return the result, or a failed one if no database stores it."""
    try:
        text = encode_json(result)
    except InvalidInput as error:
        problem = str(error)
    else:
        if not _NUL.search(text):
            return result
        problem = "it holds a NUL character"
    return ActionResult(
        success=False,
        action=result.action,
        tool_call_id=result.tool_call_id,
        error=f"{result.action}: its result cannot be kept: {problem}",
    )


def _parse_arguments(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = from_json(text)
    except ValueError as error:
        raise InvalidInput(f"the arguments are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"the arguments must be a JSON object, got a {type(value).__name__}")
    return value


async def _run(
    runtime: Context, context: ToolCallContext, action: Action | None, name: str, arguments: Mapping[str, Any]
) -> ActionResult:
    if action is None:
        known = ", ".join(sorted(each.name for each in runtime.actions))
        return ActionResult(success=False, error=f"there is no action {name!r}; there are {known}")
    parameters = check_arguments(action.parameters, arguments)
    options = ActionOptions(
        parameters=parameters, previous_results=tuple(runtime.get_action_results(context.message.id))
    )
    async with within(action.timeout_s or ACTION_TIMEOUT_S, f"action {action.name}"):
        given = await call(action.handler, (runtime, context.message, context.state, options, context.callback))
    return action_result(given, action.name)


async def _find_refusal(runtime: Context, action: Action, context: ToolCallContext) -> str | None:
    """Check whether an action may run.

    It may if it is allowed to the sender and possible now.

    Returns:
        The reason of the refusal; None if the action may run.
    """
    if refusal := _refusal(action, context):
        return refusal
    if not await _is_possible(runtime, action, context.message, context.state):
        return f"{action.name} is not possible now"
    return None


def _refusal(action: Action, context: ToolCallContext) -> str | None:
    if action.roles and not set(action.roles) & set(context.user_roles):
        return f"{action.name} is for {' or '.join(action.roles)} only; the sender is {_join_names(context.user_roles)}"
    if not belongs(action.contexts, context.active_contexts):
        return (
            f"{action.name} belongs to {_join_names(action.contexts)}; active is {_join_names(context.active_contexts)}"
        )
    return None


def _join_names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def action_result(given: object, name: str) -> ActionResult:
    """Convert a handler's return value to a result.

    None is success, text becomes the result's text, a bool its success.
    """
    if isinstance(given, ActionResult):
        return given
    if given is None or isinstance(given, bool):
        return ActionResult(success=given is not False, error=f"{name} reported failure" if given is False else None)
    if isinstance(given, str):
        return ActionResult(text=given)
    return coerce(ActionResult, given, name=f"result of {name}")


def _event(runtime: Context, context: ToolCallContext, name: str) -> dict[str, Any]:
    return {
        "runtime": runtime,
        "run_id": runtime.get_current_run_id(),
        "message_id": context.message.id,
        "room_id": context.message.room_id,
        "action": name,
    }


def for_model(result: ActionResult) -> str:
    """Encode a result for the model.

    Encoded as JSON, so that the model takes everything in it as data.
    """
    shown: dict[str, Any] = {"success": result.success}
    if result.error:
        shown["error"] = result.error
    if result.text:
        shown["text"] = result.text
    if result.data:
        shown["data"] = dict(result.data)
    return encode_json(shown)


async def possible_actions(runtime: Context, message: Memory, state: State) -> list[Action]:
    """Return the actions that are possible for a message.

    An action must fit the active contexts and the sender's roles, and its `validate` must return true. A `validate`
    that raises is logged and counts as false.
    """
    context = ToolCallContext(
        message=message,
        active_contexts=runtime.active_contexts(),
        user_roles=_roles(runtime, message),
    )
    allowed = [each for each in runtime.actions if not (each.roles or each.contexts) or _refusal(each, context) is None]
    asked = [each for each in allowed if each.validate is not None]
    verdicts = await asyncio.gather(*[_is_possible(runtime, each, message, state) for each in asked])
    refused = [action.name for action, possible in zip(asked, verdicts, strict=True) if not possible]
    return [each for each in allowed if each.name not in refused] if refused else allowed


async def _is_possible(runtime: Context, action: Action, message: Memory, state: State) -> bool:
    if action.validate is None:
        return True
    try:
        return bool(await call(action.validate, (runtime, message, state)))
    except Exception:
        log.exception("validate failed", extra={"action": action.name})
        return False


def _roles(runtime: Context, message: Memory) -> tuple[str, ...]:
    """Return the sender's role and the roles it includes.

    The role is the one held in the world of the turn.
    """
    context = runtime.turn_context()
    return roles_held(context.world if context else None, message.entity_id)
