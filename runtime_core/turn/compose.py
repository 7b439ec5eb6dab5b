"""Composition of a state from the results of the providers, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runtime_core.domain.memory import Memory
from runtime_core.domain.state import NOTHING_PROVIDED, ProviderResult, State
from runtime_core.domain.values import coerce
from runtime_core.errors import StateError
from runtime_core.plugin_api import Context, Provider
from runtime_core.rooms.contexts import belongs
from runtime_core.support.arguments import call
from runtime_core.support.deadline import bounded_s

if TYPE_CHECKING:
    pass

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
    fitting = [each for each in runtime.providers_in_order() if each.name in include or belongs(each.contexts, active)]
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
    chosen = [
        each
        for each in providers
        if each.name in include or (not only_include and not each.dynamic and not each.private)
    ]
    return sorted(chosen, key=lambda each: each.position)


async def run_providers(
    runtime: Context, message: Memory, providers: Sequence[Provider], *, timeout_s: float, earlier: State
) -> State:
    """Run the providers concurrently, each under its timeout.

    Failures are kept in the state's `provider_errors`, by the provider's name.
    """
    outcomes = await _run_concurrently(runtime, message, providers, timeout_s, earlier)
    given = {
        each.name: outcome for each, outcome in zip(providers, outcomes, strict=True) if not isinstance(outcome, str)
    }
    failed = {each.name: outcome for each, outcome in zip(providers, outcomes, strict=True) if isinstance(outcome, str)}
    values: dict[str, Any] = {}
    for result in given.values():
        values.update(result.values)
    text = "\n\n".join(result.text for result in given.values() if result.text)
    return State(values=values, data={"providers": given, "provider_errors": failed}, text=text)


async def _run_concurrently(
    runtime: Context, message: Memory, providers: Sequence[Provider], timeout_s: float, earlier: State
) -> list[ProviderResult | str]:
    """Run the providers under one wait, since all have the same timeout.

    Returns:
        For each provider, its result or the reason of its failure.
    """
    if not providers:
        return []
    tasks = [asyncio.ensure_future(_run_provider(runtime, message, each, earlier)) for each in providers]
    try:
        await asyncio.wait(tasks, timeout=bounded_s(timeout_s))
    finally:
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
    return [
        _report_timeout(provider, timeout_s) if task.cancelled() else task.result()
        for provider, task in zip(providers, tasks, strict=True)
    ]


def _report_timeout(provider: Provider, timeout_s: float) -> str:
    log.warning("provider timed out", extra={"provider": provider.name, "timeout_s": timeout_s})
    return f"provider {provider.name} took longer than {timeout_s:.1f} s"


async def _run_provider(runtime: Context, message: Memory, provider: Provider, earlier: State) -> ProviderResult | str:
    """Return a provider's result, or the reason of its failure."""
    try:
        return _coerce_result(await call(provider.get, (runtime, message, earlier)), provider.name)
    except Exception as error:
        log.exception("provider failed", extra={"provider": provider.name})
        return f"{type(error).__name__}: {error}"


def _coerce_result(given: object, name: str) -> ProviderResult:
    if given is None:
        return NOTHING_PROVIDED
    if isinstance(given, str):
        return ProviderResult(text=given)
    return coerce(ProviderResult, given, name=f"provider {name}")
