"""A mapping laid out flat: every value that it fills in, and where in the event that stands."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from services.ingest.domain.formats.sheet.mapping import AnyMapping, Part
from services.ingest.domain.formats.sheet.origins import Origin

Place = tuple[str | int, ...]
LINES: Place = ("data", "lines")


class Leaf(NamedTuple):
    """A value of the event: where it comes from, and its place; in a line the index of the line is left out."""

    place: Place
    origin: Origin

    @property
    def is_of_line(self) -> bool:
        """Whether each row has its own."""
        return self.place[:2] == LINES

    @property
    def said(self) -> str:
        """Its name for people, e.g. `lines.net_mass.value`."""
        return ".".join(str(step) for step in (self.place[1:] if self.place[0] == "data" else self.place))


def leaves(mapping: AnyMapping) -> Iterator[Leaf]:
    """Yield what the mapping fills in, in the order of the contract."""
    for name in ("id", "time"):
        if (origin := getattr(mapping, name)) is not None:
            yield Leaf((name,), origin)
    yield from _of(mapping.data, ("data",))


class Condition(NamedTuple):
    """A part that is left out of an event when nothing is said of it, and what tells."""

    place: Place
    told_by: tuple[Place, ...]

    def is_absent(self, values: Mapping[Place, Any]) -> bool:
        """Return whether none of what tells of the part is there."""
        return not any(place in values for place in self.told_by)


def conditions(mapping: AnyMapping) -> Iterator[Condition]:
    """Yield the parts that may be left out: by their main value, or where all their columns are empty."""
    for place, part in _parts(mapping.data, ("data",)):
        if part.MAIN is not None:
            yield Condition(place, ((*place, part.MAIN),))
        elif isinstance(place[-1], int):
            told_by = tuple(leaf.place for leaf in _of(part, place) if leaf.origin.headers)
            if told_by:
                yield Condition(place, told_by)


def _parts(value: object, place: Place) -> Iterator[tuple[Place, Part]]:
    if isinstance(value, Part):
        yield place, value
        for field in msgspec.structs.fields(value):
            yield from _parts(getattr(value, field.name), (*place, field.name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _parts(item, (*place, index))


def _of(value: object, place: Place) -> Iterator[Leaf]:
    if isinstance(value, Origin):
        yield Leaf(place, value)
    elif isinstance(value, Part):
        for field in msgspec.structs.fields(value):
            yield from _of(getattr(value, field.name), (*place, field.name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _of(item, (*place, index))
