"""Where a value of an event comes from: a column, by its header, or the mapping itself.

What the mapping itself holds (`value`, `words`, `default`) is written as the contract has it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from services.ingest.domain.formats.sheet.date_formats import EXCEL, DateFormat, parsed_format
from services.ingest.domain.formats.sheet.zones import zone
from shared.errors import UnfitError

MAX_WORDS = 2000
_LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"

Header = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*[^\x00\s][^\x00]*$",
        description="a column's header of 1 to 200 characters",
    ),
]
Cell = Annotated[
    str,
    Meta(max_length=500, pattern=r"^[^\x00]*$", description="what a cell may hold, of at most 500 characters"),
]
Value = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=_LINE,
        description="a text of 1 to 500 characters, none of them a control character",
    ),
]
Separator = Annotated[
    str, Meta(min_length=1, max_length=5, pattern=_LINE, description="1 to 5 characters between the items")
]
DecimalMark = Literal[".", ","]
Thousands = Literal[".", ",", " ", "'", ""]
"""What stands between thousands: of ` ` any kind of blank, of `'` the typographic one too, of `` nothing."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column by its header, or a `value` that is the same for every row."""

    column: Header | None = None
    nth: Annotated[int, Meta(ge=1, le=99)] | None = None
    """Which one, where several columns have this header."""
    value: Value | None = None
    words: Annotated[dict[Cell, Value], Meta(max_length=MAX_WORDS)] = {}
    """What stands in the cell, and what is meant by it; anything else is taken as it stands."""
    empty: Annotated[tuple[Cell, ...], Meta(max_length=20)] = ()
    """What in a cell means that it is empty, e.g. `-`."""
    default: Value | None = None
    """What is meant by an empty cell."""
    is_optional: bool = False
    """Whether a file may be without the column."""

    def __post_init__(self) -> None:
        """Raise UnfitError unless there is exactly one place where the value comes from."""
        if not self.headers and self.value is None:
            raise UnfitError("needs a column, or a value", "column")
        if self.headers and self.value is not None:
            raise UnfitError("is either a column or a value, not both", "value")

    @property
    def headers(self) -> tuple[str, ...]:
        """The columns that it is made of; none for a value of the mapping's own."""
        return () if self.column is None else (self.column,)


class _Columns(Origin, frozen=True, kw_only=True):
    columns: Annotated[tuple[Header, ...], Meta(max_length=10)] = ()

    def __post_init__(self) -> None:
        """Raise UnfitError, too, when one column and several are named."""
        if self.column is not None and self.columns:
            raise UnfitError("is either one column or several, not both", "columns")
        super().__post_init__()

    @property
    def headers(self) -> tuple[str, ...]:
        """The columns that it is made of; none for a value of the mapping's own."""
        return self.columns or super().headers


class TextOrigin(_Columns, frozen=True, kw_only=True):
    """A text; of several `columns` their texts, joined."""

    between: Annotated[str, Meta(max_length=5, pattern=_LINE)] = " "
    """What joins the texts of several columns; empty cells are left out."""


class ListOrigin(_Columns, frozen=True, kw_only=True):
    """A list: of one column its items, which a separator parts; of several `columns` the items of all of them."""

    separator: Separator | None = None
    """Without one a cell holds a single item."""


class NumberOrigin(Origin, frozen=True, kw_only=True):
    """A decimal number."""

    decimal: DecimalMark | None = None
    """Instead of what `reading` says."""
    thousands: Thousands | None = None


class CodeOrigin(Origin, frozen=True, kw_only=True):
    """A Harmonized System code; dots and blanks between its digits are left out."""


class WholeOrigin(Origin, frozen=True, kw_only=True):
    """A whole number."""


class UnitOrigin(Origin, frozen=True, kw_only=True):
    """A unit of mass by its code, `KGM`, or as it is usually written: kg, t, g, mg."""


class TimeOrigin(_Columns, frozen=True, kw_only=True):
    """A point in time; of several `columns` their texts joined by a blank, e.g. a date and a time."""

    dates: Annotated[tuple[str, ...], Meta(max_length=10)] = ()
    """Instead of what `reading` says."""
    time_zone: str | None = None

    def __post_init__(self) -> None:
        """Raise UnfitError, too, for a format or a time zone that there is not."""
        super().__post_init__()
        check_dates(self.dates, self.time_zone)


def check_dates(dates: tuple[str, ...], time_zone: str | None) -> None:
    """Raise UnfitError for the first format or time zone that there is not."""
    for index, text in enumerate(dates):
        if text != EXCEL and not isinstance(parsed_format(text), DateFormat):
            raise UnfitError(str(parsed_format(text)), "dates", index)
    if time_zone is not None and zone(time_zone) is None:
        raise UnfitError("is no time zone of the IANA database, e.g. Europe/Berlin", "time_zone")
