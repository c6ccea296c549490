"""Finds the header of a file, and tells how its columns and those of the mapping meet."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.sheet.cells import Cell, Merged, Row, shown
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from services.ingest.domain.formats.sheet.parts import leaves
from shared.faults import perhaps

SEARCHED_ROWS = 20
MOST_NAMED = 50


class Wanted(NamedTuple):
    """A column that the mapping names, and what for."""

    header: str
    nth: int | None
    is_optional: bool
    said: str


@dataclass(frozen=True)
class Layout:
    """Where the columns stand. Columns are told apart by their headers, whatever their case and blanks."""

    row: int
    titles: tuple[str, ...]
    """Of each column, as the file has it; empty where it has none."""
    _places: dict[tuple[str, int | None], int]

    def place(self, header: str, nth: int | None) -> int | None:
        """Return where a column of the mapping stands; None where it may be absent, and is."""
        return self._places.get((header, nth))

    @property
    def mapped(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(self.titles[place] for place in sorted(set(self._places.values())))

    @property
    def unmapped(self) -> tuple[str, ...]:
        """The columns that are not."""
        known = set(self._places.values())
        return tuple(title for place, title in enumerate(self.titles) if title and place not in known)


class Search:
    """Looks for the header among the first rows: the first of them that has all columns, or the one that is named."""

    def __init__(self, mapping: AnyMapping) -> None:
        self._wanted = tuple(dict.fromkeys(_wanted(mapping)))
        self._row = mapping.file.header_row
        self._seen = 0
        self._best: _Match | None = None

    def offer(self, row: Row) -> Layout | None:
        """Return the layout when this row is the header."""
        if self._row is not None and row.number != self._row:
            return None
        self._seen += 1
        found = _match(row, self._wanted)
        if not found.flaws:
            return Layout(row.number, found.titles, found.places)
        if self._best is None or found.rank > self._best.rank:
            self._best = found
        return None

    @property
    def is_over(self) -> bool:
        """Whether no later row is to be offered."""
        return self._seen >= (SEARCHED_ROWS if self._row is None else 1)

    @property
    def rank(self) -> tuple[int, int]:
        """How near the nearest row comes to what is looked for; the larger the nearer."""
        return self._best.rank if self._best else (0, 0)

    def fault(self) -> Fault:
        """Return what keeps the file from being read: the nearest row, and what it lacks."""
        if self._best is None:
            detail = "the file is empty" if self._row is None else f"there is nothing in row {self._row}"
            return lacking(detail, Flaw(row=self._row, detail=detail))
        titles = [title for title in self._best.titles if title]
        named = ", ".join(titles[:MOST_NAMED]) + (" …" if len(titles) > MOST_NAMED else "")
        return lacking(f"Row {self._best.row} has these columns: {named}", *self._best.flaws)


def lacking(detail: str, *flaws: Flaw) -> Fault:
    """Return the fault of a file that cannot be read by the mapping."""
    return Fault(
        title="The file does not fit the mapping", status=422, detail=f"{detail}. Nothing was sent.", errors=flaws
    )


class _Match(NamedTuple):
    row: int
    titles: tuple[str, ...]
    places: dict[tuple[str, int | None], int]
    flaws: tuple[Flaw, ...]

    @property
    def rank(self) -> tuple[int, int]:
        return len(self.places), sum(map(bool, self.titles))


def _wanted(mapping: AnyMapping) -> Iterator[Wanted]:
    for leaf in leaves(mapping):
        for header in leaf.origin.headers:
            yield Wanted(header, leaf.origin.nth, leaf.origin.is_optional, leaf.said)
    for number, skip in enumerate(mapping.skip):
        yield Wanted(skip.column, skip.nth, is_optional=False, said=f"skip.{number}")


def _match(row: Row, wanted: Sequence[Wanted]) -> _Match:
    titles = tuple(map(_title, row.cells))
    standing: dict[str, list[int]] = {}
    for place, title in enumerate(titles):
        standing.setdefault(_key(title), []).append(place)
    places: dict[tuple[str, int | None], int] = {}
    flaws: dict[tuple[str, int | None], Flaw] = {}
    for each in wanted:
        found = standing.get(_key(each.header), [])
        if len(found) >= (each.nth or 1) and (each.nth is not None or len(found) == 1):
            places[each.header, each.nth] = found[(each.nth or 1) - 1]
        elif found or not each.is_optional:
            detail = _why(each, found, titles)
            flaws.setdefault((each.header, each.nth), Flaw(row=row.number, column=each.header, detail=detail))
    unread = (Flaw(row=row.number, detail=row.flaw),) if row.flaw else ()
    return _Match(row.number, titles, places, (*unread, *flaws.values()))


def _why(wanted: Wanted, found: list[int], titles: Sequence[str]) -> str:
    if not found:
        hint = perhaps(wanted.header, [title for title in titles if title])
        return f"the file has no such column, which is mapped to {wanted.said}{hint}"
    if wanted.nth is not None:
        return f"the column stands only {len(found)} times, and number {wanted.nth} is mapped to {wanted.said}"
    letters = " and ".join(map(_letters, found))
    return f"the column stands {len(found)} times, in {letters}; say by nth which is mapped to {wanted.said}"


def _title(cell: Cell) -> str:
    return "" if isinstance(cell, Merged) else shown(cell)


def _key(title: str) -> str:
    return " ".join(unicodedata.normalize("NFC", title).split()).casefold()


def _letters(place: int) -> str:
    """Return a column's letters as spreadsheets show them."""
    rest, last = divmod(place, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)
