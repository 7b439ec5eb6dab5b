"""Plugin loading: lookup by name, and ordering by dependency."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from runtime_core.errors import (
    DuplicateComponent,
    MayflyError,
    PluginCycle,
    PluginDependencyMissing,
    PluginError,
    PluginNotFound,
    told_as,
)
from runtime_core.plugin_api import Plugin
from runtime_core.ports import DatabaseAdapter
from runtime_core.settings import Settings
from runtime_core.wiring import database_from

GROUP = "mayfly.plugins"

# The same entries as in pyproject.toml (a test compares them): reading the metadata of every
# installed distribution costs a cold start about 10 ms, so it happens only for other names.
BUILT_IN = {
    "bootstrap": "runtime_core.plugins.bootstrap:plugin",
    "local": "runtime_core.plugins.local:get_local_plugin",
    "openai": "runtime_core.plugins.openai:get_openai_plugin",
    "sql": "runtime_core.plugins.sql:plugin",
    "websocket": "runtime_core.plugins.websocket:plugin",
}
_REFERENCE_PREFIXES = ("@elizaos/plugin-", "plugin-")


def find_plugin(name: str) -> Plugin:
    """Load a plugin by name.

    The reference's spelling is accepted (`@elizaos/plugin-openai`).

    Raises:
        PluginNotFound: The name is unknown; lists the known names.
        PluginError: The entry point fails to load, or is not a `Plugin`.
    """
    short = next((name.removeprefix(each) for each in _REFERENCE_PREFIXES if name.startswith(each)), name)
    if short in BUILT_IN:
        return _load(EntryPoint(name=short, value=BUILT_IN[short], group=GROUP))
    installed = {point.name: point for point in entry_points(group=GROUP)}
    for known in (name, short):
        if known in installed:
            return _load(installed[known])
    known_names = sorted({*BUILT_IN, *installed})
    raise PluginNotFound(
        f"no plugin {name!r} is installed; known are {', '.join(known_names)}. Install the package that provides "
        f"it (entry point group {GROUP!r}), or remove it from the agent's and its character's plugins"
    )


def _load(point: EntryPoint) -> Plugin:
    try:
        value = getattr(import_module(point.module), point.attr)
        plugin = value if isinstance(value, Plugin) else value()
    except MayflyError:
        raise
    except Exception as error:
        raise PluginError(
            f"plugin {point.name!r}{_origin(point)}: {point.value} does not load: "
            f"{type(error).__name__}: {error}. Install a compatible version of the plugin"
        ) from error
    if not isinstance(plugin, Plugin):
        raise PluginError(
            f"plugin {point.name!r}{_origin(point)}: {point.value} gives a {type(plugin).__name__}, not a Plugin"
        )
    return plugin


def _origin(point: EntryPoint) -> str:
    """Return an entry point's distribution and its version, for an error."""
    return f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""


def open_adapter(plugins: Sequence[Plugin], settings: Settings) -> DatabaseAdapter:
    """Open the database of the first plugin with an adapter.

    Without such a plugin, open the database that the settings name.

    Raises:
        PluginError: A plugin's adapter failed; names the plugin.
        SettingsError: The settings name no database.
    """
    for plugin in plugins:
        if plugin.adapter is not None:
            with told_as(PluginError, f"plugin {plugin.name!r}: database adapter"):
                return plugin.adapter(settings)
    return database_from(settings)


def resolve_plugins(wanted: Iterable[Plugin | str]) -> list[Plugin]:
    """Load the plugins given by name, and order all of them.

    Returns:
        Each plugin once: dependencies first, then by priority, then as given.

    Raises:
        PluginNotFound: A name is unknown.
        DuplicateComponent: Two different plugins have the same name.
        PluginCycle: Plugins depend on each other in a cycle.
        PluginDependencyMissing: A plugin's dependency is not in the list.
    """
    plugins: dict[str, Plugin] = {}
    for each in wanted:
        plugin = find_plugin(each) if isinstance(each, str) else _as_plugin(each)
        if plugins.setdefault(plugin.name, plugin) != plugin and not isinstance(each, str):
            raise DuplicateComponent(f"two different plugins are named {plugin.name!r}; remove or rename one")
    return _in_order(list(plugins.values()))


def _as_plugin(given: object) -> Plugin:
    if isinstance(given, Plugin):
        return given
    hint = "; call it" if callable(given) else ""
    raise PluginError(f"expected a Plugin or the name of one, got the {type(given).__name__} {given!r}{hint}")


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
        raise PluginCycle(
            f"plugins depend on each other: {' → '.join(_cycle(waiting))}; remove one of these dependencies"
        )
    return ordered


def _dependency(plugin: Plugin, name: str, known: dict[str, int]) -> str:
    short = next((name.removeprefix(each) for each in _REFERENCE_PREFIXES if name.startswith(each)), name)
    for each in (name, short):
        if each in known:
            return each
    raise PluginDependencyMissing(
        f"plugin {plugin.name!r} needs {name!r}, which is not in the list ({', '.join(known)}); add it "
        f"to the agent's plugins, or remove {plugin.name!r}"
    )


def _cycle(waiting: dict[str, set[str]]) -> list[str]:
    """Return a cycle among the waiting plugins.

    Returns:
        The names in the cycle; the first name is repeated at the end.
    """
    path = [next(name for name, needs in waiting.items() if needs)]
    while True:
        following = min(name for name in waiting[path[-1]] if waiting[name])
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
