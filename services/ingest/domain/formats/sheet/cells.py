"""What stands in the cells of a sheet, and texts and numbers read from them."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from shared import workbooks
from shared.workbooks import Unreadable

KEPT_DIGITS = 15
"""A spreadsheet keeps so many digits of a number, and shows no more."""
_BLANKS = " \u00a0\u2009\u202f"
_APOSTROPHES = "'\u2019"


class Merged(NamedTuple):
    """A cell that is shown as one with those above it, and what the first of them holds."""

    first: int
    """The row of that one."""
    value: workbooks.Cell


Cell = workbooks.Cell | Merged


class Row(NamedTuple):
    """A row with its number in the file."""

    number: int
    cells: tuple[Cell, ...] | list[str | None]
    size: int
    """About how many bytes it takes."""
    flaw: str = ""
    """Why the row cannot be read."""

    @property
    def says_anything(self) -> bool:
        """Whether something stands in the row, or would if it could be read."""
        return bool(self.flaw) or any(cell is not None and not isinstance(cell, Merged) for cell in self.cells)


class Unfit(Exception):
    """A cell does not hold what is asked for; the message says why."""


def shown(cell: Cell) -> str:
    """Return a cell as a person would find it in the file, empty where it is."""
    if isinstance(cell, Merged):
        cell = cell.value
    match cell:
        case None:
            return ""
        case Unreadable():
            return cell.shown
        case bool():
            return str(cell).upper()
        case int() | float():
            return number_text(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case _:
            return str(cell)


def text_of(cell: Cell) -> str:
    """Return text; a whole number of a workbook is its digits. Raises Unfit."""
    match cell:
        case str():
            return cell
        case Merged():
            return text_of(cell.value)
        case Unreadable():
            raise Unfit(cell.reason)
        case bool():
            raise Unfit("is a truth value where text is expected; format the cell as text")
        case int() | float():
            return _digits(cell)
        case _:
            raise Unfit("is a date or time where text is expected; format the cell as text")


def _digits(number: float) -> str:
    text = number_text(number)
    if "." in text:
        raise Unfit("is a number with decimals where text is expected; format the cell as text")
    if len(text.lstrip("-")) > KEPT_DIGITS:
        raise Unfit(f"is a number of more than the {KEPT_DIGITS} digits that a spreadsheet keeps; format it as text")
    return text


def number_text(number: float) -> str:
    """Return a number of a workbook as plain decimals, with the digits that a spreadsheet shows."""
    value = Decimal(format(number, f".{KEPT_DIGITS}g"))
    return format(value.normalize(), "f") if value.is_finite() else str(value)


def decimal_of(cell: Cell, mark: str, thousands: str) -> str:
    """Return a number as plain decimals with a point, as the contract has them. Raises Unfit."""
    match cell:
        case str():
            return _typed(cell, mark, thousands)
        case Merged():
            raise Unfit(f"is merged with row {cell.first}; how much of it is this row's is not told")
        case Unreadable():
            raise Unfit(cell.reason)
        case bool():
            raise Unfit("is a truth value and no number")
        case int() | float():
            return number_text(cell)
        case _:
            raise Unfit("is a date or time and no number")


def _typed(text: str, mark: str, thousands: str) -> str:
    found = _number(mark, thousands).fullmatch(text)
    if found is None or (found["before"] and found["after"]):
        raise Unfit(f"is not a number as the mapping says they are written, e.g. 1{thousands}234{mark}56")
    whole = "".join(filter(str.isdigit, found["whole"])).lstrip("0") or "0"
    sign = "-" if "-" in found["before"] + found["after"] else ""
    part = (found["part"] or "").rstrip("0")
    return f"{sign}{whole}.{part}" if part else sign + whole


@lru_cache(32)
def _number(mark: str, thousands: str) -> re.Pattern[str]:
    kinds = {" ": _BLANKS, "'": _APOSTROPHES}.get(thousands, thousands)
    between = f"[{re.escape(kinds)}]" if kinds else "(?!)"
    # Of more than one group those before the last may have two digits, as in India.
    whole = f"[0-9]{{0,30}}|[0-9]{{1,3}}(?:{between}[0-9]{{2,3}}){{0,9}}{between}[0-9]{{3}}"
    part = f"(?:{re.escape(mark)}(?P<part>[0-9]{{1,30}}))"
    return re.compile(f"(?P<before>[+-]?)(?P<whole>{whole})(?:{part}|(?<=[0-9]))(?P<after>-?)", re.ASCII)
