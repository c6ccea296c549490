"""The adapter: rows of a sheet in, events or refusals out, each with the rows that it is made of."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from services.ingest.domain.faults import Fault, Flaw, not_in_contract
from services.ingest.domain.formats.sheet.cells import Row, Unfit, shown
from services.ingest.domain.formats.sheet.filling import Column, Filled, Form
from services.ingest.domain.formats.sheet.layout import Layout, Search
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from services.ingest.domain.formats.sheet.parts import LINES, Place
from services.ingest.domain.formats.sheet.shipments import NAMELESS, Group, Shipments
from services.ingest.domain.reading import Accepted, Item, Limits, read_structured
from shared.faults import MOST

_MISSING = "missing"
_WHOLE: tuple[Place, ...] = ((), ("data",), LINES)
"""What is not of one column."""


class Made(NamedTuple):
    """What the rows from `first` to `last` give."""

    first: int
    last: int
    item: Item
    size: int


class Translator:
    """Takes the rows of one file. `fault` tells, when it is set, why the file cannot be read by the mapping."""

    def __init__(
        self, mapping: AnyMapping, limits: Limits, *, is_text: bool, counts_from_1904: bool = False, from_row: int = 1
    ) -> None:
        self._mapping = mapping
        self._limits = limits
        self._is_text = is_text
        self._counts_from_1904 = counts_from_1904
        self._from_row = from_row
        self._search = Search(mapping)
        self._form: Form | None = None
        self._shipments = Shipments(mapping.rows, self._name_of, limits.event_bytes)
        self._skipped_by: tuple[tuple[int, frozenset[str]], ...] = ()
        self.layout: Layout | None = None
        self.fault: Fault | None = None
        self.rows = 0
        self.skipped = 0

    @property
    def held(self) -> int:
        """About how many bytes are here of a shipment that may still go on."""
        return self._shipments.held

    @property
    def first_row(self) -> int | None:
        """Where that shipment begins."""
        return self._shipments.first_row

    def take(self, row: Row) -> Iterator[Made]:
        """Return what is whole with this row."""
        if not row.says_anything:
            return
        if self.layout is None:
            if self.fault is None:
                self._look(row)
        else:
            is_new = row.number >= self._from_row
            if self._is_skipped(row):
                self.skipped += is_new
                return
            self.rows += is_new
            yield from self._new(self._shipments.take(self._checked(row)))

    def finish(self) -> Iterator[Made]:
        """Return the last one."""
        if self.layout is None:
            self.fault = self.fault or self._search.fault()
        yield from self._new(self._shipments.finish())

    def _new(self, groups: Iterator[Group]) -> Iterator[Made]:
        """Return what ends at the first row that is wanted or after; of those before it is only known what stood there.

        Who goes on is so refused what is refused without a pause, and a shipment that the row parts stays whole.
        """
        return (self._made(group) for group in groups if group.last >= self._from_row)

    def _look(self, row: Row) -> None:
        found = self._search.offer(row)
        if found is not None:
            self.layout = found
            self._form = Form(self._mapping, found, counts_from_1904=self._counts_from_1904)
            places = ((found.place(skip.column, skip.nth), frozenset(skip.words)) for skip in self._mapping.skip)
            self._skipped_by = tuple((place, words) for place, words in places if place is not None)
        elif self._search.is_over:
            self.fault = self._search.fault()

    def _is_skipped(self, row: Row) -> bool:
        return any(
            shown(row.cells[place] if place < len(row.cells) else None) in words for place, words in self._skipped_by
        )

    def _checked(self, row: Row) -> Row:
        """Return the row; one of text with more cells than columns is not to be read, for they may have shifted."""
        width = len(self.layout.titles) if self.layout else 0
        if not self._is_text or row.flaw or not any(row.cells[width:]):
            return row
        return row._replace(flaw=f"the row has {len(row.cells)} cells, the header {width}; is a text not in quotes?")

    def _name_of(self, row: Row) -> str | None:
        assert self._form is not None  # noqa: S101 - rows come after the header
        try:
            name = self._form.shipment.read(row.cells)
        except Unfit:
            return None
        return None if name is None else str(name)

    def _made(self, group: Group) -> Made:
        return Made(group.first, group.last, self._item(group), group.size)

    def _item(self, group: Group) -> Item:
        assert self._form is not None  # noqa: S101 - rows come after the header
        name = self._form.shipment.title
        flaws = [Flaw(row=row, column=name if why == NAMELESS else None, detail=why) for row, why in group.flaws]
        rows = [row for row in group.rows if row.cells and not row.flaw]
        if not rows:
            return _refused(flaws)
        filled = self._form.fill(rows)
        flaws += [Flaw(row=each.row, column=each.column.title, detail=each.reason) for each in filled.misread]
        item = read_structured(msgspec.json.encode(filled.tree), self._limits)
        if isinstance(item, Accepted):
            return _refused(flaws) if flaws else item
        told = {(flaw.row, flaw.column) for flaw in flaws}
        found = [self._flaw(flaw, filled, rows) for flaw in item.errors]
        flaws += [flaw for flaw in found if (flaw.row, flaw.column) not in told]
        return msgspec.structs.replace(item, errors=tuple(flaws[:MOST]))

    def _flaw(self, flaw: Flaw, filled: Filled, rows: list[Row]) -> Flaw:
        """Return what is wrong with an event as what is wrong with a cell."""
        assert self._form is not None  # noqa: S101 - rows come after the header
        place, row = _mapped(flaw.pointer or "", filled, rows)
        column = _column_at(place, self._form.columns)
        detail = flaw.detail
        if column is None:
            return Flaw(row=row.number, detail=detail)
        if column.title is None:
            return Flaw(row=row.number, detail=f"{column.leaf.said}, which the mapping gives: {detail}")
        if detail == _MISSING:
            detail = f"the cell is empty, and {column.leaf.said} is needed"
        elif column.leaf.origin.words:
            detail += "; the mapping has no word for it"
        return Flaw(row=row.number, column=column.title, detail=detail)


def _refused(flaws: list[Flaw]) -> Fault:
    return not_in_contract(*flaws[:MOST])


def _mapped(pointer: str, filled: Filled, rows: list[Row]) -> tuple[Place, Row]:
    """Return the place in the mapping of what a pointer leads to, and its row."""
    steps: list[str | int] = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    place: Place = ()
    for index in range(len(steps)):
        place = filled.moved.get(tuple(steps[: index + 1]), (*place, steps[index]))
    if place[:2] == LINES and len(steps) > len(LINES) and isinstance(steps[2], int):
        bare = place[3:] if place[2:3] == (steps[2],) else place[2:]
        return (*LINES, *bare), rows[steps[2]]
    return place, rows[0]


def _column_at(place: Place, columns: tuple[Column, ...]) -> Column | None:
    """Return what stands at a place, or the first thing of what does, or that it is a part of."""
    if place in _WHOLE:
        return None
    for column in columns:
        known = column.leaf.place
        if known[: len(place)] == place or place[: len(known)] == known:
            return column
    return None
