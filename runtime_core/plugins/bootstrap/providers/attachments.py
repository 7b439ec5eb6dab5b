"""ATTACHMENTS: the files of the conversation, with their descriptions and texts."""

from __future__ import annotations

from runtime_core.domain.memory import Media, Memory
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, PromptPlace, Provider


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    """List the attachments of the conversation and the message, newest last."""
    context = runtime.turn_context()
    earlier = context.messages if context is not None else ()
    media = [each for memory in (*earlier, message) for each in memory.content.attachments]
    text = "\n\n".join(_format_section(each) for each in media)
    return ProviderResult(text=f"# Attachments\n{text}" if media else "", data={"attachments": tuple(media)})


def _format_section(media: Media) -> str:
    lines = [f"## {media.title or media.id or 'Without a title'}", media.description, media.text]
    return "\n".join(line for line in lines if line)


attachments = Provider(
    name="ATTACHMENTS",
    description="The files of this conversation and what is in them",
    get=_get,
    position=110,
    place=PromptPlace.NOWHERE,  # the prompt shows each at its message
)
