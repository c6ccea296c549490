"""How a file is to be read, as far as it does not say so itself: its form, its numbers, its dates."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from services.ingest.domain.formats.sheet.origins import DecimalMark, Thousands, check_dates
from shared.errors import UnfitError

ENCODINGS = (
    "utf-8", "utf-16", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
    "iso-8859-1", "iso-8859-2", "iso-8859-15", "gb18030", "big5", "shift_jis", "euc-kr",
)  # fmt: skip


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How numbers and dates are written."""

    decimal: DecimalMark = "."
    thousands: Thousands = ""
    dates: Annotated[tuple[str, ...], Meta(max_length=10)] = ("ISO",)
    """`ISO`, `EXCEL` (a count of days) or formats such as `DD.MM.YYYY HH:mm`; a text that several of them read
    differently is refused."""
    time_zone: str = "UTC"
    """Of times without an offset; by its name in the IANA database, e.g. `Europe/Berlin`."""

    def __post_init__(self) -> None:
        """Raise UnfitError for separators that cannot be told apart, and for formats or a zone that there are not."""
        if self.decimal == self.thousands:
            raise UnfitError("must be another than before decimals", "thousands")
        if not self.dates:
            raise UnfitError("at least one format", "dates")
        check_dates(self.dates, self.time_zone)


class FileForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a file cannot be told from the file itself."""

    encoding: Literal[ENCODINGS] | None = None  # type: ignore[valid-type] # one list for both
    """Of a CSV file without a byte order mark; UTF-8 unless said."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """Of a CSV file; else the one by which the header has the columns that are mapped."""
    sheet: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """Of a workbook; the first visible one unless said."""
    header_row: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """The first of the first 20 rows that has all columns unless said."""
