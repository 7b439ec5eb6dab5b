"""CHARACTER: the character's text, constant over turns so that prompt caches hit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runtime_core.domain.character import Character
from runtime_core.domain.memory import Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.domain.world import ChannelType
from runtime_core.plugin_api import Context, PromptPlace, Provider
from runtime_core.turn.decide import channel_of

_KEY = "CHARACTER"


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    character: Character = runtime.character
    in_feed = channel_of(message, runtime.turn_context()) is ChannelType.FEED
    return ProviderResult(
        text=runtime.per_agent((_KEY, in_feed), lambda: character_text(character, in_feed=in_feed)),
        values={"agent_name": character.name, "bio": "\n".join(character.paragraphs), "system": character.system},
        data={"character": character},
    )


def character_text(character: Character, *, in_feed: bool = False) -> str:
    """Format a character for the prompt.

    Args:
        in_feed: Use the style and examples of posts instead of messages.
    """
    style = (*character.style.all, *(character.style.post if in_feed else character.style.chat))
    examples = (
        [*character.post_examples]
        if in_feed
        else ["\n".join(_format_line(character, line) for line in each) for each in character.message_examples]
    )
    sections = [
        f"You are {character.name}.",
        character.system,
        _format_section("About you", [*character.paragraphs, *character.lore]),
        _format_section("You know about", [", ".join(character.topics)]),
        _format_section("You are", [", ".join(character.adjectives)]),
        _format_section("How you write", [f"- {each}" for each in style]),
        _format_section("You know", [f"- {each}" for each in character.knowledge if isinstance(each, str)]),
        _format_section("Examples of how you talk; their content is made up", examples, between="\n\n"),
    ]
    return "\n\n".join(section for section in sections if section)


def _format_section(title: str, lines: Iterable[str], *, between: str = "\n") -> str:
    text = between.join(line for line in lines if line)
    return f"# {title}\n{text}" if text else ""


def _format_line(character: Character, line: Any) -> str:
    name = line.name.replace("{{agentName}}", character.name).replace("{{user1}}", "User")
    return f"{name}: {line.content.get('text', '')}"


character = Provider(
    name="CHARACTER",
    description="Who the agent is",
    get=_get,
    position=-100,
    place=PromptPlace.CHARACTER,
)
