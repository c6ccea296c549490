"""Turns one cell into one value of the contract, or says why it cannot be one. Nothing is guessed."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import msgspec

from shared.masses import MassUnit
from shared.workbooks import Cell, Unreadable

EXACT_DIGITS = 15
"""A spreadsheet keeps so many digits of a number; what a longer one shows is not what was typed."""
SEPARATOR = "|"
"""Between the items of a list in one cell."""
UNIT_SYMBOLS = {"kg": "KGM", "t": "TNE", "g": "GRM", "mg": "MGM"}

_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
_GROUPED = re.compile(r"[0-9]{1,3}([,.' \u00a0\u202f\u2019][0-9]{3})+([.,][0-9]+)?")
_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})([T ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?))?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
)
_YES_NO = {"true": True, "yes": True, "false": False, "no": False}

Reader = Callable[[Cell], Any]
"""Reads a cell that is not empty. Raises Unfit."""


class Unfit(Exception):
    """A cell does not hold what its column asks for; the message says why."""


def text_of(cell: Cell) -> str:
    """Return text; a whole number from a spreadsheet is its digits."""
    match cell:
        case str():
            return cell
        case bool():
            raise Unfit("is a truth value where text is expected; format the cell as text")
        case int() | float():
            number = decimal_of(cell)
            if number % 1:
                raise Unfit("is a number with decimals where text is expected; format the cell as text")
            return format(number, "f").partition(".")[0]
        case Unreadable():
            raise Unfit(cell.reason)
        case _:
            raise Unfit("is a date or time where text is expected; format the cell as text")


def one(kind: Any, expected: str) -> Reader:
    """Return the reader of a text that keeps the contract's type `kind`."""

    def read(cell: Cell) -> Any:
        return _checked(text_of(cell), kind, expected)

    return read


def many(kind: Any, expected: str, item: Callable[[Cell], str] = text_of) -> Reader:
    """Return the reader of a list, its items separated by `|`; `item` reads the text of a single one."""

    def read(cell: Cell) -> tuple[Any, ...]:
        whole = cell if isinstance(cell, str) else item(cell)
        items = [part.strip() for part in whole.split(SEPARATOR)]
        if not all(items):
            raise Unfit(f"has an empty item; items are separated by one {SEPARATOR}")
        if any(mark in part for part in items for mark in ",;\n"):
            raise Unfit(f"separates by a comma, a semicolon or a line; items are separated by {SEPARATOR}")
        if len(set(items)) < len(items):
            raise Unfit("names an item twice")
        return tuple(_checked(part, kind, expected) for part in items)

    return read


def _checked(text: str, kind: Any, expected: str) -> Any:
    try:
        return msgspec.convert(text, kind)
    except msgspec.ValidationError:
        raise Unfit(f"'{text}' is not {expected}") from None


def hs_digits(cell: Cell) -> str:
    """Return the digits of an HS code; a number with an odd count of them has lost its leading zero."""
    text = text_of(cell)
    if not isinstance(cell, str) and len(text) % 2:
        raise Unfit("is a number that may have lost its leading zero; format the cell as text")
    return text


def decimal_of(cell: Cell) -> Decimal:
    """Return a number exactly: of a spreadsheet's number the shortest decimal that stands for it."""
    match cell:
        case bool():
            raise Unfit("is a truth value and no number")
        case int() | float():
            return _exact(cell)
        case str():
            return _typed(cell)
        case Unreadable():
            raise Unfit(cell.reason)
        case _:
            raise Unfit("is a date or time and no number")


def _exact(number: float) -> Decimal:
    value = Decimal(repr(number))
    if not value.is_finite():
        raise Unfit("is no finite number")
    if value < 0:
        raise Unfit("must not be negative")
    if len(value.normalize().as_tuple().digits) > EXACT_DIGITS:
        raise Unfit(f"has more than the {EXACT_DIGITS} digits that a spreadsheet keeps; round it, or write it as text")
    return Decimal(format(value.normalize(), "f"))


def _typed(text: str) -> Decimal:
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if text.startswith("-") and _PLAIN.fullmatch(text[1:]):
        raise Unfit("must not be negative")
    if _GROUPED.fullmatch(text):
        raise Unfit("has a thousands separator, or a comma before its decimals; write it like 1200.5")
    if "," in text:
        raise Unfit("has a comma; decimals follow a point, as in 1200.5")
    if re.fullmatch(r"[0-9.]+[eE][+-]?[0-9]+", text):
        raise Unfit("is shortened with an exponent; write all its digits")
    raise Unfit("is not a number such as 1200.5; units and currencies have columns of their own")


def whole_of(low: int, high: int) -> Reader:
    """Return the reader of a whole number within bounds."""

    def read(cell: Cell) -> int:
        value = decimal_of(cell)
        if value % 1 or not low <= value <= high:
            raise Unfit(f"is not a whole number from {low} to {high}")
        return int(value)

    return read


def flag_of(cell: Cell) -> bool:
    """Return yes or no."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, str) and cell.lower() in _YES_NO:
        return _YES_NO[cell.lower()]
    raise Unfit("is neither yes nor no")


def unit_of(cell: Cell) -> str:
    """Return a unit of mass by its code; the usual symbols are understood."""
    text = text_of(cell)
    code = UNIT_SYMBOLS.get(text, text)
    if code not in get_args(MassUnit):
        raise Unfit(f"is not one of {', '.join(get_args(MassUnit))} or {', '.join(UNIT_SYMBOLS)}")
    return code


def moment_of(cell: Cell) -> datetime:
    """Return a point in time; a date is its first moment, and without an offset the time is UTC."""
    match cell:
        case datetime():
            return cell if cell.tzinfo else cell.replace(tzinfo=UTC)
        case date():
            return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
        case str():
            return _iso(cell)
        case Unreadable():
            raise Unfit(cell.reason)
        case _:
            raise Unfit("is not a date; format the cell as a date, or write it like 2025-05-12")


def _iso(text: str) -> datetime:
    found = _ISO.fullmatch(text)
    if found is None:
        raise Unfit("is not an ISO date like 2025-05-12 or 2025-05-12T08:00:00+08:00; day and month are not guessed")
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{found['offset'] or 'Z'}")
        moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unfit(f"is no date that there is: {error}") from None
    return moment
