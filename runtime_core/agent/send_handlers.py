"""Sending on the agent's own initiative, through the send handler of the target's source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.domain.memory import Content, coerce_content
from runtime_core.domain.routing import TargetInfo
from runtime_core.domain.values import coerce
from runtime_core.errors import NoSendHandler
from runtime_core.plugin_api import Context, SendHandler
from runtime_core.support.arguments import call


async def send_to_target(
    runtime: Context,
    handlers: Mapping[str, SendHandler],
    target: TargetInfo | Mapping[str, Any],
    content: Content | Mapping[str, Any],
) -> None:
    """Send content to a target; each may be a dict of its fields. The handler's error is the caller's.

    Args:
        handlers: By source.

    Raises:
        NoSendHandler: No handler sends to the target's source; lists the sources.
        InvalidInput: Target or content is malformed.
    """
    where = coerce(TargetInfo, target, name="target")
    what = coerce_content(content)
    handler = handlers.get(where.source)
    if handler is None:
        known = ", ".join(sorted(handlers)) or "none"
        raise NoSendHandler(f"no send handler for source {where.source!r}; registered: {known}")
    await call(handler, (runtime, where, what))
