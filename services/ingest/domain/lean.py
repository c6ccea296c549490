"""The contract's types for a text that is plainly clean: what such a text cannot break is not asked of it.

Made from the contract itself, so there is nothing here to keep in step with it. A lean type takes nothing that
its original would refuse in a clean text (no escapes, no control characters); it may refuse more.
"""

from datetime import datetime
from decimal import Decimal
from itertools import product
from string import ascii_uppercase
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta

from shared.cloudevents import JSON, Event
from shared.events import ClockTicked, Country, EventId, EventSource, Id, Text, TradeData
from shared.events.shipments import Why


def _pattern(wanted: Any) -> str | None:
    return next((each.pattern for each in get_args(wanted)[1:] if isinstance(each, Meta)), None)


_HELD_BY_CLEAN_TEXT = {_pattern(each) for each in (Id, EventId, Text, Why)}
"""They refuse control characters only. A pattern takes a third of a microsecond a value, half of all decoding."""
# Looked up at once, where a pattern is tried.
_COUNTRIES: Any = Literal[tuple(map("".join, product(ascii_uppercase, repeat=2)))]
_SCALARS = (str, int, bool, Decimal, datetime, NoneType)


class _NoLeanTypeError(Exception):
    """The type may hold what only the long way looks at, as values of any depth."""


def envelopes(types: dict[str, type[TradeData]]) -> Any:
    """Return the union of the events of these types, each told by its `type`; leaves out what has no lean type."""
    found = []
    for name, data in types.items():
        # Whether the clock may be moved is asked the long way.
        if data is not ClockTicked:
            try:
                found.append(_envelope(name, _Maker().lean(data)))
            except _NoLeanTypeError:
                continue
    return Union[tuple(found)]  # noqa: UP007 - of a number of types that is known only here


def _envelope(name: str, data: Any) -> Any:
    maker = _Maker()
    fields = {field.name: field for field in msgspec.structs.fields(Event)}
    del fields["type"]  # It is the tag.
    types = {each: maker.lean(field.type) for each, field in fields.items() if each != "data"}
    types |= {"data": data, "datacontenttype": Literal[JSON] | None, "source": _without_pattern(EventSource)}
    return msgspec.defstruct(
        f"Lean{data.__name__}Event",
        [_field(each, types[each], field) for each, field in fields.items()],
        tag_field="type",
        tag=name,
        kw_only=True,
        frozen=True,
        omit_defaults=True,
        gc=False,
    )


class _Maker:
    """Makes the lean types of one event, each once."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def lean(self, wanted: Any) -> Any:
        """Return the lean type of a type. Raises _NoLeanTypeError."""
        origin, parts = get_origin(wanted), get_args(wanted)
        if origin is Annotated:
            return self._annotated(wanted)
        if origin in (Union, UnionType):
            return Union[tuple(map(self.lean, parts))]  # noqa: UP007 - as above
        if origin is tuple and parts[1:] == (...,):
            return tuple[self.lean(parts[0]), ...]  # type: ignore[misc] # a type made here
        if origin is Literal or wanted in _SCALARS:
            return wanted
        if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
            return self._struct(wanted)
        raise _NoLeanTypeError(wanted)

    def _annotated(self, wanted: Any) -> Any:
        core, *limits = get_args(wanted)
        if _pattern(wanted) in _HELD_BY_CLEAN_TEXT - {None}:
            return _without_pattern(wanted)
        if _pattern(wanted) == _pattern(Country):
            return _COUNTRIES
        return Annotated[(self.lean(core), *limits)]

    def _struct(self, wanted: type[msgspec.Struct]) -> Any:
        """Return a heir of the type: what it asks of its values together is asked of the heir's too."""
        if wanted not in self._made:
            fields = msgspec.structs.fields(wanted)
            self._made[wanted] = msgspec.defstruct(
                f"Lean{wanted.__name__}",
                [_field(field.name, self.lean(field.type), field) for field in fields],
                bases=(wanted,),
                kw_only=True,
                frozen=True,
                omit_defaults=True,
                gc=False,
            )
        return self._made[wanted]


def _without_pattern(wanted: Any) -> Any:
    core, meta = get_args(wanted)
    return Annotated[core, Meta(min_length=meta.min_length, max_length=meta.max_length)]


def _field(name: str, wanted: Any, original: msgspec.structs.FieldInfo) -> Any:
    default = original.default
    if default is not NODEFAULT:
        # A copy of a text tells what was left out from what was said: only what is the default itself is not written.
        return (name, wanted, "".join(list(default)) if isinstance(default, str) else default)
    if original.default_factory is not NODEFAULT:
        return (name, wanted, msgspec.field(default_factory=original.default_factory))
    return (name, wanted)
