"""Plugins by name and in order: found among the built-in and the installed ones, dependencies first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from runtime_core.components import Plugin
from runtime_core.errors import DuplicateComponent, PluginCycle, PluginDependencyMissing, PluginError, PluginNotFound

GROUP = "mayfly.plugins"

# The same entries as in pyproject.toml (a test compares them): reading the metadata of every
# installed distribution costs a cold start some 10 ms, so it happens only for other names.
BUILT_IN = {
    "bootstrap": "runtime_core.plugins.bootstrap:plugin",
    "local": "runtime_core.plugins.local:get_local_plugin",
    "openai": "runtime_core.plugins.openai:get_openai_plugin",
    "sql": "runtime_core.plugins.sql:plugin",
}
_REFERENCE_PREFIXES = ("@elizaos/plugin-", "plugin-")


def find_plugin(name: str) -> Plugin:
    """Load a plugin by its name, also as the reference writes it (`@elizaos/plugin-openai`).

    Raises:
        PluginNotFound: Lists the known names.
        PluginError: The entry point gives something else than a `Plugin`.
    """
    short = next((name.removeprefix(each) for each in _REFERENCE_PREFIXES if name.startswith(each)), name)
    if short in BUILT_IN:
        return _loaded(EntryPoint(name=short, value=BUILT_IN[short], group=GROUP))
    installed = {point.name: point for point in entry_points(group=GROUP)}
    for known in (name, short):
        if known in installed:
            return _loaded(installed[known])
    known_names = sorted({*BUILT_IN, *installed})
    raise PluginNotFound(f"no plugin {name!r} is installed; known are {', '.join(known_names)}")


def _loaded(point: EntryPoint) -> Plugin:
    value = getattr(import_module(point.module), point.attr)
    plugin = value if isinstance(value, Plugin) else value()
    if not isinstance(plugin, Plugin):
        raise PluginError(f"plugin {point.name!r}: {point.value} gives a {type(plugin).__name__}, not a Plugin")
    return plugin


def resolve_plugins(wanted: Iterable[Plugin | str]) -> list[Plugin]:
    """Load those given by name and put all in order: each once, dependencies first, then by priority, then as given.

    Raises:
        PluginNotFound: A name is unknown.
        DuplicateComponent: Two different plugins have one name.
        PluginCycle: Plugins depend on each other in a circle.
        PluginDependencyMissing: One needs another that is not in the list.
    """
    plugins: dict[str, Plugin] = {}
    for each in wanted:
        plugin = find_plugin(each) if isinstance(each, str) else each
        if plugins.setdefault(plugin.name, plugin) != plugin and not isinstance(each, str):
            raise DuplicateComponent(f"two different plugins are named {plugin.name!r}; leave one out, or rename it")
    return _in_order(list(plugins.values()))


def _in_order(plugins: Sequence[Plugin]) -> list[Plugin]:
    index = {plugin.name: position for position, plugin in enumerate(plugins)}
    waiting = {plugin.name: {_dependency(plugin, name, index) for name in plugin.dependencies} for plugin in plugins}
    ready = [(plugin.priority, index[plugin.name]) for plugin in plugins if not waiting[plugin.name]]
    heapq.heapify(ready)
    ordered: list[Plugin] = []
    while ready:
        plugin = plugins[heapq.heappop(ready)[1]]
        ordered.append(plugin)
        for name, needs in waiting.items():
            if plugin.name in needs:
                needs.remove(plugin.name)
                if not needs:
                    heapq.heappush(ready, (plugins[index[name]].priority, index[name]))
    if len(ordered) < len(plugins):
        raise PluginCycle(f"plugins depend on each other: {' → '.join(_cycle(waiting))}")
    return ordered


def _dependency(plugin: Plugin, name: str, known: dict[str, int]) -> str:
    short = next((name.removeprefix(each) for each in _REFERENCE_PREFIXES if name.startswith(each)), name)
    for each in (name, short):
        if each in known:
            return each
    raise PluginDependencyMissing(
        f"plugin {plugin.name!r} needs {name!r}, which is not in the list ({', '.join(known)}); add it"
    )


def _cycle(waiting: dict[str, set[str]]) -> list[str]:
    """A circle among the plugins that wait for each other, its first name again at the end."""
    path = [next(name for name, needs in waiting.items() if needs)]
    while True:
        following = min(name for name in waiting[path[-1]] if waiting[name])
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
