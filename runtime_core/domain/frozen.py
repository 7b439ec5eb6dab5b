"""Frozen dataclasses that cost little to define: `dataclass`, for the form that every value here has.

The standard library writes and compiles each class's methods anew, about 0.8 ms for each; a hundred of them were a
third of the imports of a cold start. Here the methods are shared and read the class's fields. In every other respect
(`fields`, `replace`, pydantic, type checkers) these are dataclasses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, kw_only: bool = False, **options: Any) -> Any:
        """`dataclasses.dataclass`; where `frozen` and `kw_only` are set, with methods that are shared."""

        def made(cls: type) -> type:
            if frozen and kw_only:
                return _value(cls, **options)
            return dataclasses.dataclass(cls, frozen=frozen, kw_only=kw_only, **options)

        return made if cls is None else made(cls)


T = TypeVar("T")
_Setter = Callable[[Any, Any], None]
_Spec = tuple[tuple[str, _Setter, Any, Any], ...]


def _value(cls: type[T], *, slots: bool = False) -> type[T]:
    made = dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True, slots=slots)(cls)
    every = fields(made)  # type: ignore[arg-type] # a dataclass by now
    spec = tuple((each.name, _setter(made, each.name, slots), each.default, each.default_factory) for each in every)
    methods = {
        "__init__": _init_of(spec, getattr(made, "__post_init__", None)),
        "__setattr__": _refuse_change,
        "__delattr__": _refuse_change,
        "__repr__": made.__repr__ if "__repr__" in vars(cls) else _repr,
        "__eq__": _eq,
        "__hash__": _hash,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
        "__compared__": tuple(each.name for each in every if each.compare),
        "__shown__": tuple(each.name for each in every if each.repr),
    }
    for name, method in methods.items():
        setattr(made, name, method)
    return made


def _setter(cls: type, name: str, slots: bool) -> _Setter:
    """How a field is set past the refusal to change."""
    if slots and name in vars(cls):
        setter: _Setter = vars(cls)[name].__set__
        return setter
    return lambda self, value: object.__setattr__(self, name, value)


def _init_of(spec: _Spec, post_init: Callable[[Any], None] | None) -> Callable[..., None]:
    names = frozenset(name for name, *_ in spec)

    def __init__(self: Any, **given: Any) -> None:
        for name, set_field, default, factory in spec:
            if name in given:
                set_field(self, given[name])
            elif default is not MISSING:
                set_field(self, default)
            elif factory is not MISSING:
                set_field(self, factory())
            else:
                raise TypeError(f"{type(self).__name__}() needs {name!r}")
        if len(given) > len(names) or not given.keys() <= names:
            unknown = ", ".join(sorted(given.keys() - names))
            raise TypeError(f"{type(self).__name__}() does not take {unknown}")
        if post_init is not None:
            post_init(self)

    return __init__


def _refuse_change(self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}; make another with replace()")


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in self.__compared__)


def _eq(self: Any, other: object) -> bool:
    if other.__class__ is not self.__class__:
        return NotImplemented  # type: ignore[no-any-return] # as the data model asks
    return self is other or _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__shown__)
    return f"{type(self).__qualname__}({shown})"


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


__all__ = ["dataclass"]
