"""Makes the reader of each origin: from a row's cells to what the contract has in its JSON."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Unfit, decimal_of, shown, text_of
from services.ingest.domain.formats.sheet.moments import calendar
from services.ingest.domain.formats.sheet.origins import (
    CodeOrigin,
    ListOrigin,
    NumberOrigin,
    Origin,
    TextOrigin,
    TimeOrigin,
    UnitOrigin,
    WholeOrigin,
)
from services.ingest.domain.formats.sheet.reading import Reading

Cells = Sequence[Cell]
Read = Callable[[Cells], Any]
"""Returns the value that cells of a row say, None where they are empty. Raises Unfit."""
UNITS = {"kg": "KGM", "t": "TNE", "g": "GRM", "mg": "MGM"}
MAX_WHOLE_DIGITS = 9


def reader_of(origin: Origin, reading: Reading, places: Sequence[int], *, counts_from_1904: bool = False) -> Read:
    """Return the reader of an origin whose columns stand at these places of a row; none where they are not there."""
    fixed = _fixed(origin, origin.value or origin.default)
    if not places:
        return lambda _: fixed
    read = _reader(origin, reading, counts_from_1904=counts_from_1904)
    words = {word: _fixed(origin, meant) for word, meant in origin.words.items()}
    known = _Known(words, frozenset(origin.empty), fixed, is_each_rows=isinstance(origin, NumberOrigin | WholeOrigin))
    return _one(read, places[0], known) if len(places) == 1 else _several(read, places, known)


class _Known(NamedTuple):
    """What cells mean by the mapping's own words."""

    words: dict[str, Any]
    empty: frozenset[str]
    default: Any
    is_each_rows: bool
    """Whether it cannot be shared with other rows, as a mass cannot."""


def _one(read: Read, place: int, known: _Known) -> Read:
    words, empty, default, is_each_rows = known

    def found(cells: Cells) -> Any:
        cell = cells[place] if place < len(cells) else None
        if cell is None:
            return default
        if (words or empty) and not (is_each_rows and isinstance(cell, Merged)):
            text = shown(cell)
            if text in words:
                return words[text]
            if text in empty:
                return default
        return read((cell,))

    return found


def _several(read: Read, places: Sequence[int], known: _Known) -> Read:
    def found(cells: Cells) -> Any:
        given = [cell for place in places if place < len(cells) and (cell := cells[place]) is not None]
        given = [cell for cell in given if shown(cell) not in known.empty]
        if not given:
            return known.default
        text = " ".join(map(shown, given))
        return known.words[text] if text in known.words else read(given)

    return found


def _fixed(origin: Origin, text: str | None) -> Any:
    """Return what the mapping itself says, as the contract has it."""
    if text is None:
        return None
    if isinstance(origin, ListOrigin):
        return [item.strip() for item in text.split(origin.separator)] if origin.separator else [text]
    return int(text) if isinstance(origin, WholeOrigin) else text


def _reader(origin: Origin, reading: Reading, *, counts_from_1904: bool) -> Read:
    match origin:
        case NumberOrigin():
            mark = origin.decimal or reading.decimal
            thousands = reading.thousands if origin.thousands is None else origin.thousands
            return lambda cells: decimal_of(cells[0], mark, thousands)
        case TimeOrigin():
            formats, zone = origin.dates or reading.dates, origin.time_zone or reading.time_zone
            return calendar(formats, zone, counts_from_1904=counts_from_1904).moment
        case ListOrigin():
            return lambda cells: _items(cells, origin.separator)
        case TextOrigin():
            return lambda cells: origin.between.join(map(text_of, cells))
        case _:
            return _READERS[type(origin)]


def _items(cells: Cells, separator: str | None) -> list[str]:
    texts = map(text_of, cells)
    items = [item.strip() for text in texts for item in (text.split(separator) if separator else (text,))]
    if not all(items):
        raise Unfit(f"has an empty item; items are parted by one '{separator}'")
    return items


def _code(cell: Cell) -> str:
    text = text_of(cell)
    if isinstance(cell, int | float) and len(text) % 2:
        raise Unfit("is a number that may have lost its leading zero; format the cell as text")
    bare = "".join(text.replace(".", " ").split())
    return bare if bare.isascii() and bare.isdigit() else text


def _whole(cell: Cell) -> int:
    if isinstance(cell, Merged):
        raise Unfit(f"is merged with row {cell.first}; it is one row's alone")
    text = text_of(cell)
    if not text.isascii() or not text.isdigit() or len(text) > MAX_WHOLE_DIGITS:
        raise Unfit("is not a whole number")
    return int(text)


def _unit(cell: Cell) -> str:
    text = text_of(cell)
    return UNITS.get(text.lower(), text)


_READERS: dict[type[Origin], Read] = {
    CodeOrigin: lambda cells: _code(cells[0]),
    WholeOrigin: lambda cells: _whole(cells[0]),
    UnitOrigin: lambda cells: _unit(cells[0]),
}
