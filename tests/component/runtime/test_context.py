"""`AgentRuntime` implements every member of `Context`: the stub of a protocol would return None in silence."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any, Protocol

import pytest

from runtime_core.plugin_api import Context
from runtime_core.runtime.component_verbs import ComponentVerbs
from runtime_core.runtime.runtime import AgentRuntime

PARTS = [each for each in Context.__mro__ if each not in (Protocol, object) and each.__module__ != "typing"]
METHODS = sorted({name for part in PARTS for name in vars(part) if not name.startswith("_")})
ATTRIBUTES = sorted({name for part in PARTS for name in vars(part).get("__annotations__", ()) if name not in METHODS})


def functions_of(kind: type, name: str) -> Iterator[Callable[..., Any]]:
    """Find the functions behind a method or property."""
    member = inspect.getattr_static(kind, name)
    if isinstance(member, property):
        yield from (each for each in (member.fget, member.fset) if each is not None)
    else:
        yield member


def is_stub(function: Callable[..., Any]) -> bool:
    """Check whether a function has no statement but a docstring or `...`."""
    definition = ast.parse(dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in definition.body)


@pytest.mark.parametrize("name", METHODS)
def test_the_runtime_implements_each_method_of_a_context(name: str) -> None:
    assert [each for each in functions_of(AgentRuntime, name) if is_stub(each)] == []


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_runtime_has_each_attribute_of_a_context(runtime: AgentRuntime, name: str) -> None:
    assert hasattr(runtime, name)


def test_the_protocols_have_stubs_that_would_be_found() -> None:
    assert {"actions", "embedding_worker", "use_model", "register_action"} <= set(METHODS)
    assert {"agent_id", "character", "logger", "settings"} <= set(ATTRIBUTES)
    assert is_stub(next(functions_of(Context, "register_action")))
    assert is_stub(next(functions_of(ComponentVerbs, "embedding_space")))
    assert not is_stub(next(functions_of(Context, "create_memory")))
