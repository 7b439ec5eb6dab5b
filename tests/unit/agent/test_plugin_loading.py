"""Plugin lookup by name, and plugin order."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from runtime_core.agent.plugin_loading import BUILT_IN, GROUP, find_plugin, resolve_plugins
from runtime_core.errors import (
    DuplicateComponent,
    PluginCycle,
    PluginDependencyMissing,
    PluginError,
    PluginNotFound,
)
from runtime_core.plugin_api import Plugin
from runtime_core.plugins.openai import get_openai_plugin


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
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][GROUP] == BUILT_IN


def test_what_is_no_plugin_is_refused_with_what_it_is() -> None:
    with pytest.raises(PluginError, match="expected a Plugin or the name of one, got the int 7"):
        resolve_plugins([7])  # type: ignore[list-item]  # that is the mistake
    with pytest.raises(PluginError, match=r"got the function .*get_openai_plugin.*; call it"):
        resolve_plugins([get_openai_plugin])  # type: ignore[list-item]  # that is the mistake


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("from runtime_core import Oracle", "does not load: ImportError: cannot import name 'Oracle'"),
        ("plugin = None", "does not load: TypeError"),
        ("from runtime_core import Plugin\nplugin = Plugin(name='a', colour='red')", "does not load: TypeError"),
        ("def plugin():\n    return 7", "gives a int, not a Plugin"),
    ],
)
def test_a_plugin_of_another_version_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    name = f"oracle_{tmp_path.name}".lower()
    (tmp_path / f"{name}.py").write_text(source)
    metadata = tmp_path / f"{name}-0.3.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.3\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\noracle = {name}:plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=f"plugin 'oracle' of {name} 0.3: {name}:plugin {says}"):
        find_plugin("oracle")
