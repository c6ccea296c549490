"""Puts rows together to shipments: which of them make one event, in the order of the file.

A shipment is never declared by half: a row that does not tell its shipment may be a line of the one above, and one that
cannot even be read may be the first of the one below, so these are refused with it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.mapping import Rows

MOST_ROWS = 200
"""Of one shipment; the contract takes no more lines."""
REMEMBERED = 100_000
"""So many shipments back it is told that one stands in two places."""
NAMELESS = "the row names no shipment; where it is no line of one, leave it out by the mapping's skip"


class Group(NamedTuple):
    """The rows of one event, and what keeps them from being one: each reason with its row."""

    rows: tuple[Row, ...]
    first: int
    last: int
    size: int
    flaws: tuple[tuple[int, str], ...] = ()


@dataclass
class _Open:
    """A shipment that may still go on."""

    name: str | None = None
    rows: list[Row] = field(default_factory=list)
    first: int = 0
    last: int = 0
    size: int = 0
    flaws: list[tuple[int, str]] = field(default_factory=list)

    def closed(self) -> Group:
        return Group(tuple(self.rows), self.first, self.last, self.size, tuple(self.flaws))


class Shipments:
    """Takes rows one by one. `name_of` tells the shipment that a row names, None where it names none."""

    def __init__(self, rows: Rows, name_of: Callable[[Row], str | None], most_bytes: int) -> None:
        self._rows = rows
        self._name_of = name_of
        self._most_bytes = most_bytes
        self._seen: OrderedDict[int, int] = OrderedDict()
        self._open = _Open()
        self._unread: Row | None = None

    @property
    def held(self) -> int:
        """About how many bytes are here."""
        return self._open.size

    @property
    def first_row(self) -> int | None:
        """Where the shipment begins that may still go on."""
        return self._open.first or None

    def take(self, row: Row) -> Iterator[Group]:
        """Return what is whole with this row."""
        if self._rows == "single":
            yield _alone(row, row.flaw)
            return
        name = None if row.flaw else self._name_of(row)
        goes_on = self._open.name is not None and (
            name == self._open.name or (name is None and not row.flaw and self._rows == "same_shipment_or_empty")
        )
        if goes_on:
            self._add(row)
        elif name is not None:
            yield from self.finish()
            self._begin(name, row)
        elif self._open.name is not None:
            self._add(row._replace(cells=()))
            self._open.flaws.append((row.number, row.flaw or NAMELESS))
        else:
            yield _alone(row._replace(cells=()), row.flaw or NAMELESS)
        self._unread = row if row.flaw else None

    def finish(self) -> Iterator[Group]:
        """Return the last one."""
        if self._open.name is not None:
            done, self._open = self._open, _Open()
            yield done.closed()

    def _begin(self, name: str, row: Row) -> None:
        self._open = _Open(name, first=row.number)
        before = self._seen.get(hash(name))
        if before is not None:
            again = f"the shipment stood in row {before} already, and others between; sort the file by it"
            self._open.flaws.append((row.number, again))
        if self._unread is not None:
            doubt = f"row {self._unread.number} above cannot be read, and may be a line of this shipment"
            self._open.flaws.append((row.number, doubt))
        self._seen[hash(name)] = row.number
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._add(row)

    def _add(self, row: Row) -> None:
        group = self._open
        group.last = row.number
        # One more than the contract takes is kept, so that it is the contract that refuses.
        if len(group.rows) > MOST_ROWS or group.size > self._most_bytes:
            return
        group.size += row.size
        if group.size > self._most_bytes:
            group.flaws.append((row.number, f"the shipment has more than {self._most_bytes} bytes"))
        elif row.cells:
            group.rows.append(row)


def _alone(row: Row, flaw: str) -> Group:
    return Group((row,), row.number, row.number, row.size, ((row.number, flaw),) if flaw else ())
