"""Our dataclasses behave like the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from runtime_core.domain import frozen


def value(dataclass: Callable[..., Any], **options: Any) -> Any:
    @dataclass(frozen=True, kw_only=True, **options)
    class Value:
        """A test value."""

        __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

        name: str
        size: int = 1
        tags: tuple[str, ...] = ()
        data: Mapping[str, Any] = field(default_factory=dict)
        secret: str = field(default="", repr=False)
        note: str = field(default="", compare=False)

        @property
        def double(self) -> int:
            return self.size * 2

    return Value


KINDS = [
    value(dataclass, slots=slots) for dataclass in (dataclasses.dataclass, frozen.dataclass) for slots in (True, False)
]


@pytest.fixture(params=KINDS, ids=["standard", "standard-dict", "frozen", "frozen-dict"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_fields_and_defaults(kind: Any) -> None:
    made = kind(name="a", tags=("x",))
    assert (made.name, made.size, made.tags, made.data, made.double) == ("a", 1, ("x",), {}, 2)
    assert made.data is not kind(name="b").data
    assert [each.name for each in dataclasses.fields(kind)] == ["name", "size", "tags", "data", "secret", "note"]
    assert dataclasses.is_dataclass(kind)


def test_nothing_can_be_changed(kind: Any) -> None:
    made = kind(name="a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.size = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.size
    changed = dataclasses.replace(made, size=2)
    assert (made.size, changed.size, changed.name) == (1, 2, "a")


@pytest.mark.parametrize("given", [{}, {"name": "a", "colour": 1}, {"size": 1}])
def test_what_is_missing_or_unknown_is_a_type_error(kind: Any, given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"name|colour"):
        kind(**given)


def test_positions_mean_nothing(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind("a")


def test_equality_and_hash_go_by_the_compared_fields(kind: Any) -> None:
    assert kind(name="a", note="x") == kind(name="a", note="y") != kind(name="b")
    assert kind(name="a") != object()
    with pytest.raises(TypeError):
        hash(kind(name="a"))  # data is a dict


def test_the_repr_leaves_out_what_is_hidden(kind: Any) -> None:
    shown = repr(kind(name="a", secret="hunter2"))
    assert shown.endswith("Value(name='a', size=1, tags=(), data={}, note='')")


def test_copies_are_equal(kind: Any) -> None:
    made = kind(name="a", data={"b": [1]})
    assert copy.copy(made) == copy.deepcopy(made) == made


def test_pydantic_reads_and_writes_them(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    made = adapter.validate_json('{"name": "a", "size": "3"}')
    assert made == kind(name="a", size=3)
    assert to_json(made) == b'{"name":"a","size":3,"tags":[],"data":{},"secret":"","note":""}'
    with pytest.raises(ValidationError):
        adapter.validate_python({"name": "a", "colour": 1})


@frozen.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A class at module level, as pickle requires."""

    name: str
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found.append(self.name)


def test_post_init_runs_and_pickle_keeps_everything() -> None:
    made = Kept(name="a")
    assert made.found == ["a"]
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - written on the same line
    assert not hasattr(made, "__dict__")
