"""Points in time read from cells: dates as workbooks hold them, counts of days, and texts."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Unfit, number_text, shown
from services.ingest.domain.formats.sheet.date_formats import EXCEL, DateFormat, parsed_format
from services.ingest.domain.formats.sheet.zones import in_zone, zone
from shared.workbooks import Unreadable

MOST_DAYS = 2_958_465
"""The last day that Excel has, 9999-12-31."""
_EPOCH, _EPOCH_OF_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - as sheets have it
_LEAP_DAY = 60
"""Excel counts 1900-02-29, which there was not; the days before are one further from the epoch."""
_DAY_MS = 86_400_000
_COUNT = re.compile(r"[0-9]{1,7}([.,][0-9]{1,15})?", re.ASCII)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)


class Calendar(NamedTuple):
    """How dates are written, and in which zone times without an offset are."""

    formats: tuple[str, ...]
    time_zone: ZoneInfo
    counts_from_1904: bool = False

    def moment(self, cells: Sequence[Cell]) -> str:
        """Return the point in time that cells say together, in UTC (RFC 3339). Raises Unfit."""
        values = [cell.value if isinstance(cell, Merged) else cell for cell in cells]
        for value in values:
            if isinstance(value, Unreadable):
                raise Unfit(value.reason)
            if isinstance(value, bool):
                raise Unfit("is a truth value and no date")
        first = values[0]
        if isinstance(first, str):
            return self._of_text(" ".join(value if isinstance(value, str) else shown(value) for value in values))
        day = self._day(first)
        if day is None:
            raise Unfit("is not a date; format the cell as a date")
        for value in values[1:]:
            day += _since_midnight(value)
        return self._told(day)

    def _day(self, value: Cell) -> datetime | None:
        match value:
            case datetime():
                return value
            case date():
                return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone comes later
            case int() | float():
                return self._written_in_digits(value) or self._counted(value)
            case _:
                return None

    def _written_in_digits(self, number: float) -> datetime | None:
        """Return the date of a number whose digits are one, such as 20250531, where such a format is among those."""
        found = {form.read(number_text(number)) for form in self._forms()} - {None}
        return found.pop() if len(found) == 1 else None

    def _counted(self, days: float) -> datetime | None:
        if not 1 <= days <= MOST_DAYS:
            return None
        whole, part = divmod(days, 1)
        since = timedelta(days=whole, milliseconds=round(part * _DAY_MS))
        if self.counts_from_1904:
            return _EPOCH_OF_1904 + since
        return _EPOCH + since + timedelta(days=whole < _LEAP_DAY)

    def _of_text(self, text: str) -> str:
        found = {self._told(read) for form in self._forms() if (read := form.read(text)) is not None}
        if not found and EXCEL in self.formats and _COUNT.fullmatch(text):
            counted = self._counted(float(text.replace(",", ".")))
            found = {self._told(counted)} if counted else found
        if len(found) > 1:
            raise Unfit(f"may be {' or '.join(sorted(found))}")
        if not found:
            raise Unfit(f"is not a date as the mapping says they are written: {' or '.join(self.formats)}")
        return found.pop()

    def _forms(self) -> list[DateFormat]:
        return [form for text in self.formats if isinstance(form := parsed_format(text), DateFormat)]

    def _told(self, shown_time: datetime) -> str:
        moment = shown_time if shown_time.tzinfo else in_zone(shown_time, self.time_zone)
        try:
            if moment is not None:
                return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except OverflowError:
            pass
        raise Unfit(f"is a time that there is not in {self.time_zone.key}")


def calendar(formats: tuple[str, ...], time_zone: str, *, counts_from_1904: bool) -> Calendar:
    """Return the calendar of a mapping, which was checked when it was written."""
    return Calendar(formats, zone(time_zone) or ZoneInfo("UTC"), counts_from_1904)


def _since_midnight(value: Cell) -> timedelta:
    found: timedelta | None = None
    match value:
        case time():
            found = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
        case timedelta():
            found = value
        case int() | float() if 0 <= value < 1:
            found = timedelta(milliseconds=round(value * _DAY_MS))
        case str() if clock := _CLOCK.fullmatch(value):
            found = timedelta(hours=int(clock[1]), minutes=int(clock[2]), seconds=int(clock[3] or 0))
    if found is not None and timedelta(0) <= found < timedelta(days=1):
        return found
    raise Unfit(f"'{shown(value)}' is no time of the day")
