"""Instructions of the text protocol, and parser of the model's answer.

The model answers with a `<response>` element or JSON. The parser accepts code fences, text around the answer,
unclosed elements, entities and CDATA; any other text is the answer itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from html import escape, unescape
from typing import Any

from runtime_core.domain.chat import ToolCall
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.json import json_objects
from runtime_core.domain.values import encode_json
from runtime_core.plugin_api import Action

_INSTRUCTIONS = """# How you answer
Answer with one element of this form and nothing else:
<response>
<thought>what you are thinking, never shown</thought>
<actions>names of actions from the list below, in order, separated by commas</actions>
<params>{"ACTION_NAME": {"parameter": "value"}}</params>
<text>what you say to the user</text>
</response>
Just to answer, name REPLY. When you name other actions, they are run, you see what they came to, and answer again;
leave out the text where you can say nothing before you know."""

_REPLIES = frozenset({"REPLY", "RESPOND", "ANSWER", "NONE", "NOACTION", "SENDREPLY", "RESPONSE"})
_KEYS = ("text", "message", "actions", "action", "thought")
_FENCE = re.compile(r"^\s*```[a-zA-Z]*\s*\n?(.*?)\n?\s*```\s*$", re.DOTALL)
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_RESPONSE = re.compile(r"<response\b[^>]*>(.*?)(?:</response\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_CHILD = re.compile(r"<([A-Za-z_][\w.-]*)\b[^>]*>(.*?)</\1\s*>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAnswer:
    """Parsed answer of a model.

    Attributes:
        calls: Actions to run, in order; empty for a plain reply.
        providers: Names of the providers to run before the next step.
    """

    text: str = ""
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    providers: tuple[str, ...] = ()


def instructions(actions: Sequence[Action], lookups: str = "") -> str:
    """Return the instructions for answering, with the list of actions.

    The same actions give the same text, in any order.

    Args:
        lookups: Providers that the model may name, as the provider PROVIDERS lists them.
    """
    listed = "\n".join(_describe(each) for each in sorted(actions, key=lambda each: each.name))
    parts = [_INSTRUCTIONS, f"# Actions\n{listed}"]
    if lookups:
        parts.append(f"{lookups}\nTo look something up, name it in <providers>…</providers>, and answer after that.")
    return "\n\n".join(parts)


def _describe(action: Action) -> str:
    properties: Mapping[str, Any] = action.parameters.get("properties", {})
    return f"- {action.name}: {action.description}" + (f" Parameters: {encode_json(properties)}" if properties else "")


def parse_answer(text: str, *, call_prefix: str = "") -> TextAnswer:
    """Parse a model's answer; never raises.

    Args:
        call_prefix: Prefix of the calls' ids, which makes them unique in a turn.
    """
    said = _THINKING.sub("", text).strip()
    if fenced := _FENCE.match(said):
        said = fenced[1].strip()
    if found := _RESPONSE.search(said):
        return _from_elements(found[1], call_prefix)
    for value in json_objects(said):
        inner = value.get("response", value)
        if isinstance(inner, Mapping) and any(key in inner for key in _KEYS):
            return _from_json(inner, call_prefix)
    return TextAnswer(text=said)


def _from_elements(body: str, prefix: str) -> TextAnswer:
    params = _parse_params(_element(body, "params"))
    actions = _element(body, "actions") or _element(body, "action")
    planned = (
        _parse_action_elements(actions) if "<" in _CDATA.sub("", actions) else [(each, {}) for each in _names(actions)]
    )
    return _answer(
        text=_plain(_element(body, "text") or _element(body, "message")),
        thought=_plain(_element(body, "thought")),
        planned=[(name, {**params.get(name.upper(), {}), **given}) for name, given in planned],
        providers=_names(_element(body, "providers")),
        prefix=prefix,
    )


def _element(body: str, name: str) -> str:
    """Return the content of the first element of this name.

    An unclosed element ends at the next known tag.

    Returns:
        Empty text if there is no such element.
    """
    opened = re.search(rf"<{name}\b[^>/]*>", body, re.IGNORECASE)
    if opened is None:
        return ""
    rest = body[opened.end() :]
    closed = re.search(rf"</{name}\s*>", rest, re.IGNORECASE)
    if closed is None:
        closed = re.search(r"<(?:/?(?:thought|actions|params|providers|text|response))\b", rest, re.IGNORECASE)
    return rest[: closed.start()] if closed else rest


def _plain(text: str) -> str:
    """Return an element's text: CDATA verbatim, entities unescaped outside of it."""
    parts = _CDATA.split(text)
    return "".join(part if index % 2 else unescape(part) for index, part in enumerate(parts)).strip()


def _parse_action_elements(actions: str) -> list[tuple[str, dict[str, Any]]]:
    planned = []
    for _, inside in _CHILD.findall(actions):
        name = _plain(_element(inside, "name")) or _plain(inside)
        planned.append((name, _parse_action_params(_element(inside, "params"))))
    return planned


def _parse_params(text: str) -> dict[str, dict[str, Any]]:
    """Parse parameters by action, from JSON or elements named after the actions."""
    plain = _plain(text)
    for value in json_objects(plain):
        return {key.upper(): dict(given) for key, given in value.items() if isinstance(given, Mapping)}
    return {name.upper(): _parse_action_params(inside) for name, inside in _CHILD.findall(text)}


def _parse_action_params(text: str) -> dict[str, Any]:
    for value in json_objects(_plain(text)):
        return value
    return {name: _plain(inside) for name, inside in _CHILD.findall(text)}


def _from_json(value: Mapping[str, Any], prefix: str) -> TextAnswer:
    shared = value.get("params") or value.get("parameters") or {}
    params = {str(key).upper(): each for key, each in shared.items()} if isinstance(shared, Mapping) else {}
    given = value.get("actions", value.get("action")) or []
    listed = _names(given) if isinstance(given, str) else given if isinstance(given, list) else [given]
    planned = [planned for each in listed if (planned := _parse_action_json(each, params))]
    text = value.get("text", value.get("message"))
    wanted = value.get("providers") or []
    return _answer(
        text=text.strip() if isinstance(text, str) else "",
        thought=str(value.get("thought") or ""),
        planned=planned,
        providers=_names(wanted) if isinstance(wanted, str) else [str(each) for each in wanted],
        prefix=prefix,
    )


def _parse_action_json(given: object, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if isinstance(given, str):
        own: object = params.get(given.upper())
        return given, dict(own) if isinstance(own, Mapping) else {}
    if not isinstance(given, Mapping):
        return None
    name = given.get("name") or given.get("action") or given.get("type")
    own = given.get("params") or given.get("parameters") or given.get("arguments")
    return (str(name), dict(own) if isinstance(own, Mapping) else {}) if name else None


def _names(text: str) -> list[str]:
    return [each.strip(" \t\"'[]") for each in re.split(r"[,\n]", _plain(text)) if each.strip(" \t\"'[]")]


def _answer(
    *, text: str, thought: str, planned: Sequence[tuple[str, Mapping[str, Any]]], providers: Sequence[str], prefix: str
) -> TextAnswer:
    wanted = [(name, given) for name, given in planned if not _is_reply(name)]
    if not text:  # a REPLY may carry its text as a parameter
        text = next((str(given["text"]) for name, given in planned if _is_reply(name) and "text" in given), "")
    calls = tuple(
        ToolCall(id=f"{prefix}{index}", name=name, arguments=encode_json(given))
        for index, (name, given) in enumerate(wanted)
    )
    return TextAnswer(text=text, thought=thought, calls=calls, providers=tuple(providers))


def _is_reply(name: str) -> bool:
    return re.sub(r"[^A-Z]", "", name.upper()) in _REPLIES


def written_answer(text: str, calls: Sequence[ToolCall]) -> str:
    """Write an earlier step's answer as the model sees it."""
    names = ", ".join(each.name for each in calls) or "REPLY"
    params = "{" + ", ".join(f"{encode_json(each.name)}: {each.arguments}" for each in calls) + "}"
    said = f"\n<text>{escape(text, quote=False)}</text>" if text else ""
    return f"<response>\n<actions>{names}</actions>\n<params>{params}</params>{said}\n</response>"


def written_results(results: Sequence[str]) -> str:
    """Write the results of actions for the model; each result is JSON."""
    lines = "\n".join(results)
    return f"What the actions came to, as data:\n<results>\n{lines}\n</results>\nAnswer now, or name further actions."


@dataclass(slots=True)
class VisibleText:
    """Emitter of the user-visible text of an answer that is still streaming.

    Attributes:
        on_text: Awaited with each visible piece.
        sent: The visible text emitted so far.
    """

    on_text: Callable[[str], Awaitable[Any]]
    sent: str = ""
    _written: str = field(default="", repr=False)

    async def feed(self, piece: str) -> None:
        """Add a piece of the model's output, and emit new visible text."""
        self._written += piece
        opened = re.search(r"<response\b[^>]*>.*?<text\b[^>/]*>", self._written, re.DOTALL | re.IGNORECASE)
        if opened is not None:
            await self._emit(_visible_text(self._written[opened.end() :]))

    async def end(self, text: str) -> None:
        """Emit the rest of the final text."""
        await self._emit(text)

    async def _emit(self, text: str) -> None:
        if text.startswith(self.sent) and len(text) > len(self.sent):
            piece, self.sent = text[len(self.sent) :], text
            await self.on_text(piece)


def _visible_text(inside: str) -> str:
    """Return an open element's text.

    A partial tag or entity at its end is left out.
    """
    end = inside.find("<")
    sure = inside if end < 0 else inside[:end]
    if end < 0:
        sure = re.sub(r"&[^;\s]{0,9}\Z", "", sure)
    sure = sure.lstrip()
    return unescape(sure.rstrip()) if sure.strip() else ""
