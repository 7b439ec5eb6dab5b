"""A `dataclass` decorator whose frozen classes import fast.

The standard library generates and compiles methods for every class, about 0.8 ms each; for a hundred classes that was
a third of the import time of a cold start. Frozen keyword-only classes here share methods that read the class's fields.
`fields`, `replace`, pydantic and type checkers treat them as ordinary dataclasses.
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
        """Apply `dataclasses.dataclass`, with shared methods if `frozen` and `kw_only` are set."""

        def decorate(cls: type) -> type:
            if frozen and kw_only:
                return _make_value_class(cls, **options)
            return dataclasses.dataclass(cls, frozen=frozen, kw_only=kw_only, **options)

        return decorate if cls is None else decorate(cls)


T = TypeVar("T")
_Setter = Callable[[Any, Any], None]
_Spec = tuple[tuple[str, _Setter, Any, Any], ...]


def _make_value_class(cls: type[T], *, slots: bool = False) -> type[T]:
    made = dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True, slots=slots)(cls)
    every = fields(made)  # type: ignore[arg-type] # a dataclass since the line above
    spec = tuple(
        (each.name, _find_setter(made, each.name, slots), each.default, each.default_factory) for each in every
    )
    methods = {
        "__init__": _make_init(spec, getattr(made, "__post_init__", None)),
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


def _find_setter(cls: type, name: str, slots: bool) -> _Setter:
    """Return the function that sets a field of a frozen instance."""
    if slots and name in vars(cls):
        setter: _Setter = vars(cls)[name].__set__
        return setter
    return lambda self, value: object.__setattr__(self, name, value)


def _make_init(spec: _Spec, post_init: Callable[[Any], None] | None) -> Callable[..., None]:
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
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}: copy it with replace()")


def _comparison_key(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in self.__compared__)


def _eq(self: Any, other: object) -> bool:
    if other.__class__ is not self.__class__:
        return NotImplemented  # type: ignore[no-any-return] # required by the data model
    return self is other or _comparison_key(self) == _comparison_key(other)


def _hash(self: Any) -> int:
    return hash(_comparison_key(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__shown__)
    return f"{type(self).__qualname__}({shown})"


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


__all__ = ["dataclass"]
