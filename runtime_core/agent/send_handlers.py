"""Messages that an agent sends on its own initiative."""

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
    """Send content through the send handler of the target's source.

    Errors of the handler propagate.

    Args:
        handlers: Send handlers by source.
        target: A target, or a dict of its fields.
        content: A content, or a dict of its fields.

    Raises:
        NoSendHandler: The target's source has no handler; lists the registered sources.
        InvalidInput: Target or content is malformed.
    """
    where = coerce(TargetInfo, target, name="target")
    what = coerce_content(content)
    handler = handlers.get(where.source)
    if handler is None:
        known = ", ".join(sorted(handlers)) or "none"
        raise NoSendHandler(f"no send handler for source {where.source!r}; registered: {known}")
    await call(handler, (runtime, where, what))
