"""The kinds of values in conditions, and facts: what a condition may ask, declared by the code that answers.

A fact is a method without arguments of a class of facts. Its annotation is its kind, its docstring
what people read, and its value is worked out once, when a condition first asks.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints, overload

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741 - the owner of a fact


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: `bool`, `int`, `string`, `timestamp`, `duration`, a list `of` a kind, or facts of a class."""

    name: str
    of: "Kind | None" = None
    facts: type[Any] | None = None

    def __str__(self) -> str:
        return f"list of {self.of}" if self.of else self.name


BOOL, INT, STRING = Kind("bool"), Kind("int"), Kind("string")
TIMESTAMP, DURATION = Kind("timestamp"), Kind("duration")
NOTHING = Kind("nothing")
"""The kind of the items of an empty list: it fits every other."""
_BY_TYPE: dict[type, Kind] = {bool: BOOL, int: INT, str: STRING, datetime: TIMESTAMP, timedelta: DURATION}


def list_of(kind: Kind) -> Kind:
    """Return the kind of lists of a kind."""
    return Kind("list", of=kind)


@dataclass(frozen=True, slots=True)
class About:
    """What a condition's author has to know of a fact."""

    says: str
    kind: Kind
    is_optional: bool
    """Conditions must ask `has(...)` before they ask for it."""
    most: int
    """So many items a list has at most."""
    unit: str
    """How people read it: `mass` for milligrams, else empty."""


class Fact(Generic[O, T]):
    """A value that is worked out when it is first asked for, and kept."""

    def __init__(self, make: Callable[[O], T], most: int, unit: str) -> None:
        self.make, self.most, self.unit = make, most, unit
        self.name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> "Fact[O, T]": ...
    @overload
    def __get__(self, owner: O, kind: type) -> T: ...
    def __get__(self, owner: O | None, kind: type) -> "T | Fact[O, T]":
        if owner is None:
            return self
        # Kept under the same name in the owner: from then on it is found there, before this is asked.
        value = owner.__dict__[self.name] = self.make(owner)
        return value


def fact(*, most: int = 0, unit: str = "") -> Callable[[Callable[[O], T]], Fact[O, T]]:
    """Declare a method to be a fact; a list says how many items it has at `most`."""
    return lambda make: Fact(make, most, unit)


_DECLARED: dict[type[Any], Mapping[str, About]] = {}


def facts_of(kind: type[Any]) -> Mapping[str, About]:
    """Return the facts of a class, in the order in which they are declared."""
    if kind not in _DECLARED:
        found = {name: each for name, each in vars(kind).items() if isinstance(each, Fact)}
        _DECLARED[kind] = types.MappingProxyType({name: _about(each) for name, each in found.items()})
    return _DECLARED[kind]


def _about(each: Fact[Any, Any]) -> About:
    kind, is_optional = _kind(get_type_hints(each.make)["return"])
    if kind.of is not None and not each.most:
        raise TypeError(f"fact {each.name} does not say how many items it has at most")
    says = " ".join((each.__doc__ or "").split())
    return About(says, kind, is_optional, each.most, each.unit)


def _kind(annotation: Any) -> tuple[Kind, bool]:
    """Return the kind of a type, and whether a value may be absent."""
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = (each for each in get_args(annotation) if each is not type(None))
        return _kind(inner)[0], True
    if get_origin(annotation) is tuple:
        return list_of(_kind(get_args(annotation)[0])[0]), False
    return _BY_TYPE.get(annotation) or Kind(annotation.NAME, facts=annotation), False
