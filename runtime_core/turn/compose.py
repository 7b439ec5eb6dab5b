"""Composition of a state from the results of the providers, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import NOTHING_PROVIDED, ProviderResult, State
from runtime_core.domain.values import coerce
from runtime_core.errors import StateError
from runtime_core.plugin_api import Context, Provider
from runtime_core.rooms.contexts import belongs
from runtime_core.support.arguments import call
from runtime_core.support.deadline import bounded_s

log = logging.getLogger(__name__)


async def compose(runtime: Context, message: Memory, include: frozenset[str], *, only_include: bool) -> State:
    """Run the providers that fit the conversation and merge their results.

    Args:
        include: Names of additional providers, also dynamic and private ones.
        only_include: Run only the providers in `include`.

    Raises:
        StateError: A name in `include` is unknown.
    """
    active = runtime.active_contexts()
    fitting = [
        each
        for each in runtime.providers_in_order()
        if not each.contexts or each.name in include or belongs(each.contexts, active)
    ]
    chosen = choose_providers(fitting, include, only_include=only_include)
    earlier = State(data={"action_results": tuple(runtime.get_action_results(message.id))})
    return await run_providers(
        runtime, message, chosen, timeout_s=runtime.settings.providers_timeout_s, earlier=earlier
    )


def choose_providers(providers: Sequence[Provider], include: frozenset[str], *, only_include: bool) -> list[Provider]:
    """Select the providers of a state, in their order.

    Raises:
        StateError: A name in `include` is unknown; lists the known names.
    """
    if unknown := include - {each.name for each in providers}:
        raise StateError(
            f"no provider {', '.join(sorted(unknown))}; known: {', '.join(sorted(each.name for each in providers))}"
        )
    return [
        each
        for each in providers
        if each.name in include or (not only_include and not each.dynamic and not each.private)
    ]


async def run_providers(
    runtime: Context, message: Memory, providers: Sequence[Provider], *, timeout_s: float, earlier: State
) -> State:
    """Run the providers concurrently, each within the timeout.

    A failed provider is recorded and left out.
    """
    results: dict[str, ProviderResult] = {}
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    texts: list[str] = []
    for provider, outcome in zip(
        providers, await _run_all(runtime, message, providers, timeout_s, earlier), strict=True
    ):
        if isinstance(outcome, str):
            errors[provider.name] = outcome
            continue
        results[provider.name] = outcome
        values.update(outcome.values)
        if outcome.text:
            texts.append(outcome.text)
    return State(values=values, data={"providers": results, "provider_errors": errors}, text="\n\n".join(texts))


async def _run_all(
    runtime: Context, message: Memory, providers: Sequence[Provider], timeout_s: float, earlier: State
) -> list[ProviderResult | str]:
    """Run the providers under one wait, since all have the same time.

    Returns:
        The result of each, or why it has none, in their order.
    """
    if not providers:
        return []
    tasks = [asyncio.ensure_future(_run(runtime, message, each, earlier)) for each in providers]
    try:
        await asyncio.wait(tasks, timeout=bounded_s(timeout_s))
    finally:
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
    return [
        _report_late(provider, timeout_s) if task.cancelled() else task.result()
        for provider, task in zip(providers, tasks, strict=True)
    ]


def _report_late(provider: Provider, timeout_s: float) -> str:
    log.warning("provider timed out", extra={"provider": provider.name, "timeout_s": timeout_s})
    return f"provider {provider.name} took longer than {timeout_s:.1f} s"


async def _run(runtime: Context, message: Memory, provider: Provider, earlier: State) -> ProviderResult | str:
    """Run one provider; returns its result, or why it failed."""
    try:
        given = await call(provider.get, (runtime, message, earlier))
        if isinstance(given, ProviderResult):
            return given
        if given is None:
            return NOTHING_PROVIDED
        if isinstance(given, str):
            return ProviderResult(text=given)
        return coerce(ProviderResult, given, name=f"provider {provider.name}")
    except Exception as error:
        log.exception("provider failed", extra={"provider": provider.name})
        return f"{type(error).__name__}: {error}"
