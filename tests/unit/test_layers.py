"""The direction of imports; those inside functions and those for type checkers count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VALUES = {"domain", "errors", "settings", "version"}

# What a room may import beside itself.
ALLOWED = {
    "errors": set[str](),
    "version": set[str](),
    "settings": {"errors"},
    "domain": {"errors"},
    "ports": VALUES,
    "support": VALUES | {"ports"},
    "adapters": VALUES | {"ports", "support"},
}
# What no other room may import; the rooms beside each one are those that may.
RESERVED = {
    "runtime_core": {"handlers"},  # its lazy names would hide what is imported
    "adapters": {"wiring", "plugins"},
    "handlers": set[str](),
    "aws": {"handlers"},
    "http": {"handlers", "aws", "cli"},
    "cli": set[str](),
}


def read_modules(root: Path) -> dict[str, str]:
    """Read the source of every module of the core and the handlers, by dotted name."""
    paths = [*root.glob("runtime_core/**/*.py"), *root.glob("handlers/**/*.py")]
    return {_name(path.relative_to(root)): path.read_text() for path in sorted(paths)}


def graph_of(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """Find the modules that each module imports."""
    return {name: {*_imports(source, modules.keys())} & modules.keys() - {name} for name, source in modules.items()}


def wrong_imports(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Find the imports against the direction of the layers."""
    return [f"{name} imports {other}" for name in graph for other in sorted(graph[name]) if not _may(name, other)]


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Find modules that import each other; empty without."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [*error.args[1]]
    return []


def _may(name: str, other: str) -> bool:
    here, there = _room(name), _room(other)
    return here == there or (there in ALLOWED.get(here, {there}) and here in RESERVED.get(there, {here}))


def _room(name: str) -> str:
    return name.removeprefix("runtime_core.").split(".")[0]


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(source: str, known: Set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for each in node.names:  # a module of a package, or a name in a module
                inner = f"{node.module}.{each.name}"
                yield inner if inner in known else str(node.module)


MODULES = read_modules(ROOT)


def test_imports_follow_the_layers() -> None:
    assert wrong_imports(graph_of(MODULES)) == []


def test_no_modules_import_each_other() -> None:
    assert circle(graph_of(MODULES)) == []


def test_wrong_imports_are_found_inside_functions_and_for_type_checkers_as_well() -> None:
    wrong = {
        "runtime_core.adapters.vectors": "from runtime_core.queues import retry",
        "runtime_core.aws.tracing": "from runtime_core.adapters.sqlite import SqliteAdapter",
        "runtime_core.deployment.deployment": "from handlers import agents",
        "runtime_core.domain.memory": "from runtime_core.ports import AgentData",
        "runtime_core.queues.retry": "def send():\n    import runtime_core.adapters.aws.sqs",
        "runtime_core.recall.facts": "from runtime_core import AgentRuntime",
        "runtime_core.support.scope": "from runtime_core.turn.value import Turn",
        "runtime_core.turn.turn": "if TYPE_CHECKING:\n    from runtime_core.http.app import App",
    }
    changed = {name: f"{MODULES[name]}\n{line}\n" for name, line in wrong.items()}
    assert wrong_imports(graph_of({**MODULES, **changed})) == [
        "runtime_core.adapters.vectors imports runtime_core.queues.retry",
        "runtime_core.aws.tracing imports runtime_core.adapters.sqlite",
        "runtime_core.deployment.deployment imports handlers.agents",
        "runtime_core.domain.memory imports runtime_core.ports",
        "runtime_core.queues.retry imports runtime_core.adapters.aws.sqs",
        "runtime_core.recall.facts imports runtime_core",
        "runtime_core.support.scope imports runtime_core.turn.value",
        "runtime_core.turn.turn imports runtime_core.http.app",
    ]


def test_a_circle_is_found() -> None:
    name, line = "runtime_core.queues.retry", "from runtime_core.deployment.deployment import Deployment"
    assert name in circle(graph_of({**MODULES, name: f"{MODULES[name]}\n{line}\n"}))
