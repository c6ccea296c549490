"""Fills a mapping with the rows of one shipment: the event as JSON would have it, and what cannot be filled in."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from services.ingest.domain.formats.sheet.cells import Row, Unfit, shown
from services.ingest.domain.formats.sheet.layout import Layout
from services.ingest.domain.formats.sheet.mapping import AnyMapping, MilestoneMapping
from services.ingest.domain.formats.sheet.parts import LINES, Leaf, Place, conditions, leaves
from services.ingest.domain.formats.sheet.values import Read, reader_of
from shared.cloudevents import JSON, encode_sorted

MOST_SHOWN = 60

Tree = dict[Any, Any]


class Column(NamedTuple):
    """A value of the event, how it is read, and the columns that it is read from."""

    leaf: Leaf
    read: Read
    places: tuple[int, ...]
    title: str | None
    """For people; None where it is the mapping's own."""


class Misread(NamedTuple):
    """A cell that cannot be taken."""

    row: int
    column: Column
    reason: str


class Filled(NamedTuple):
    """An event as JSON would have it. `moved` has places of the mapping, by where in lists they came to stand."""

    tree: Tree
    misread: tuple[Misread, ...]
    moved: dict[Place, Place]


class Form:
    """A mapping made ready for the columns of one file."""

    def __init__(self, mapping: AnyMapping, layout: Layout, *, counts_from_1904: bool = False) -> None:
        self._mapping = mapping
        self.columns = tuple(
            _column(leaf, mapping, layout, counts_from_1904=counts_from_1904) for leaf in leaves(mapping)
        )
        self._of_all = tuple(column for column in self.columns if not column.leaf.is_of_line)
        self._of_lines = tuple(column for column in self.columns if column.leaf.is_of_line)
        self._conditions = tuple(conditions(mapping))
        self.shipment = next(column for column in self.columns if column.leaf.place == ("data", "shipment_id"))

    def fill(self, rows: Sequence[Row]) -> Filled:
        """Return the event of these rows; of what all of them say the first row counts, and others may not differ."""
        misread: list[Misread] = []
        values = self._values(self._of_all, rows[0], misread)
        for row in rows[1:]:
            misread += self._differing(values, rows[0], row)
        tree: Tree = {"specversion": "1.0", "source": self._mapping.source, "type": self._mapping.type}
        tree |= {"datacontenttype": JSON, "data": {}}
        moved: dict[Place, Place] = {}
        self._put(tree, values, (), moved)
        if not isinstance(self._mapping, MilestoneMapping):
            tree["data"]["lines"] = []
            for index, row in enumerate(rows):
                line: Tree = {"line_no": index + 1}
                self._put(line, self._values(self._of_lines, row, misread), (*LINES, index), moved)
                tree["data"]["lines"].append(line)
        tree.setdefault("id", derived_id(tree))
        return Filled(tree, tuple(misread), moved)

    def _values(self, columns: Sequence[Column], row: Row, misread: list[Misread]) -> dict[Place, Any]:
        values: dict[Place, Any] = {}
        for column in columns:
            try:
                value = column.read(row.cells)
            except Unfit as error:
                misread.append(Misread(row.number, column, _told(column, row, str(error))))
                values[column.leaf.place] = msgspec.UNSET
            else:
                if value is not None:
                    values[column.leaf.place] = value
        return values

    def _differing(self, values: dict[Place, Any], first: Row, row: Row) -> Iterator[Misread]:
        for column in self._of_all:
            if not column.places or _cells(column, row) == _cells(column, first):
                continue
            try:
                is_empty = all(cell is None for cell in _cells(column, row))
                value = None if is_empty else column.read(row.cells)
            except Unfit as error:
                yield Misread(row.number, column, _told(column, row, str(error)))
                continue
            told = values.get(column.leaf.place)
            if value is not None and value != told and told is not msgspec.UNSET:
                how = "is another than in" if told is not None else "stands here, but not in"
                yield Misread(row.number, column, _told(column, row, f"{how} row {first.number}"))

    def _put(self, tree: Tree, values: dict[Place, Any], at: Place, moved: dict[Place, Place]) -> None:
        """Put values into a tree, without the parts that are left out; lists close up where items are."""
        absent = {part.place for part in self._conditions if part.is_absent(values)}
        for place, value in values.items():
            if value is msgspec.UNSET or any(place[: len(part)] == part for part in absent):
                continue
            steps = place[len(LINES) :] if at else place
            parent = tree
            for step in steps[:-1]:
                parent = parent.setdefault(step, {})
            parent[steps[-1]] = value
        _close_up(tree, at, LINES if at else (), moved)


def _column(leaf: Leaf, mapping: AnyMapping, layout: Layout, *, counts_from_1904: bool) -> Column:
    found = [layout.place(header, leaf.origin.nth) for header in leaf.origin.headers]
    places = tuple(place for place in found if place is not None)
    read = reader_of(leaf.origin, mapping.reading, places, counts_from_1904=counts_from_1904)
    title = ", ".join(layout.titles[place] for place in places) or ", ".join(leaf.origin.headers) or None
    return Column(leaf, read, places, title)


def _cells(column: Column, row: Row) -> list[Any]:
    return [row.cells[place] if place < len(row.cells) else None for place in column.places]


def _told(column: Column, row: Row, reason: str) -> str:
    """Return what is wrong with a cell, beginning with what stands there."""
    text = " ".join(filter(None, map(shown, _cells(column, row))))
    cut = text[:MOST_SHOWN] + ("…" if len(text) > MOST_SHOWN else "")
    return f"'{cut}' {reason}"


def _close_up(tree: Tree, at: Place, template: Place, moved: dict[Place, Place]) -> None:
    """Turn what is keyed by numbers into lists, and keep where the items stand in the mapping."""
    for name, value in tree.items():
        if not isinstance(value, dict):
            continue
        _close_up(value, (*at, name), (*template, name), moved)
        if value and all(isinstance(key, int) for key in value):
            for index, number in enumerate(value):
                moved[*at, name, index] = (*template, name, number)
            tree[name] = list(value.values())


def derived_id(tree: Tree) -> str:
    """Return an id that follows from what an event says: the same again counts once."""
    return f"sheet-{hashlib.sha256(encode_sorted(tree)).hexdigest()[:32]}"
