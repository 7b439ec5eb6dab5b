"""Plugins by name and in order."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from runtime_core.components import Plugin
from runtime_core.errors import DuplicateComponent, PluginCycle, PluginDependencyMissing, PluginNotFound
from runtime_core.plugins.loading import BUILT_IN, GROUP, find_plugin, resolve_plugins


def plugin(name: str, *dependencies: str, priority: int = 0) -> Plugin:
    return Plugin(name=name, dependencies=dependencies, priority=priority)


def names(*plugins: Plugin | str) -> list[str]:
    return [each.name for each in resolve_plugins(plugins)]


def test_dependencies_come_first_then_priority_then_the_order_given() -> None:
    platform = plugin("platform", priority=100)
    feature = plugin("feature", "database", priority=50)
    late = plugin("late-base", priority=200)
    needs_late = plugin("needs-late", "late-base", priority=-100)
    database = plugin("database", priority=-100)
    assert names(platform, feature, needs_late, late, database, plugin("b"), plugin("a")) == [
        "database",
        "b",
        "a",
        "feature",
        "platform",
        "late-base",
        "needs-late",
    ]


def test_a_plugin_given_twice_is_loaded_once() -> None:
    given = Plugin(name="a")
    assert resolve_plugins([given, given]) == [given]


def test_two_different_plugins_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateComponent, match="two different plugins are named 'a'"):
        resolve_plugins([Plugin(name="a", description="first"), Plugin(name="a", description="second")])


def test_the_callers_list_stays_as_it_is() -> None:
    given: list[Plugin | str] = [plugin("b", priority=5), plugin("a")]
    before = list(given)
    resolve_plugins(given)
    assert given == before


def test_a_circle_is_shown_as_a_path() -> None:
    with pytest.raises(PluginCycle, match="a → b → c → a"):
        names(plugin("a", "b"), plugin("b", "c"), plugin("c", "a"), plugin("d"))


def test_a_missing_dependency_is_named_with_who_needs_it() -> None:
    with pytest.raises(PluginDependencyMissing, match=r"plugin 'a' needs 'b', which is not in the list \(a\)"):
        names(plugin("a", "b"))


@pytest.mark.parametrize("name", ["bootstrap", "@elizaos/plugin-bootstrap", "plugin-bootstrap"])
def test_built_in_plugins_answer_to_the_references_names(name: str) -> None:
    assert find_plugin(name).name == "bootstrap"


def test_an_unknown_plugin_is_answered_with_the_known_names() -> None:
    with pytest.raises(PluginNotFound, match=r"no plugin 'discord' is installed; known are bootstrap, local, openai"):
        find_plugin("discord")


def test_the_built_in_names_are_the_entry_points_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][GROUP] == BUILT_IN
