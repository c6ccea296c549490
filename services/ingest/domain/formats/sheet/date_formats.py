"""Formats of dates and times as people write them, `DD.MM.YYYY HH:mm`, and texts read by them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

ISO = "ISO"
EXCEL = "EXCEL"
"""A count of days, as Excel keeps dates."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CENTURY = 2000
NOON = 12
MAX_LENGTH = 40

_PARTS = {
    "YYYY": "(?P<year>[0-9]{4})",
    "YY": "(?P<short_year>[0-9]{2})",
    "MMM": "(?P<month_name>[A-Za-z]{3})",
    "MM": "(?P<month>[0-9]{2})",
    "M": "(?P<month>[0-9]{1,2})",
    "DD": "(?P<day>[0-9]{2})",
    "D": "(?P<day>[0-9]{1,2})",
    "HH": "(?P<hour>[0-9]{2})",
    "H": "(?P<hour>[0-9]{1,2})",
    "hh": "(?P<half_hour>[0-9]{2})",
    "h": "(?P<half_hour>[0-9]{1,2})",
    "mm": "(?P<minute>[0-9]{2})",
    "ss": "(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,6}))?",
    "A": "(?P<half>[AaPp][Mm])",
    "Z": "(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_TOKEN = re.compile("|".join(_PARTS) + r"|[A-Za-z]|[^A-Za-z]+")
_ISO = (
    "YYYY-MM-DD", "YYYY-MM-DDTHH:mm", "YYYY-MM-DD HH:mm", "YYYY-MM-DDTHH:mm:ss", "YYYY-MM-DD HH:mm:ss",
    "YYYY-MM-DDZ", "YYYY-MM-DDTHH:mmZ", "YYYY-MM-DD HH:mmZ", "YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DD HH:mm:ssZ",
    "YYYY-MM-DD HH:mm Z", "YYYY-MM-DD HH:mm:ss Z",
)  # fmt: skip


@dataclass(frozen=True)
class DateFormat:
    """A format, ready to read texts."""

    patterns: tuple[re.Pattern[str], ...]

    def read(self, text: str) -> datetime | None:
        """Return what a text says, with an offset only where it names one; None when it is not of this format."""
        for pattern in self.patterns:
            if found := pattern.fullmatch(text):
                try:
                    return _moment(found.groupdict())
                except ValueError:
                    return None
        return None


@lru_cache(512)
def parsed_format(text: str) -> DateFormat | str:
    """Return the format that a text describes, or why it describes none."""
    if text == ISO:
        return DateFormat(tuple(re.compile(_pattern(form)) for form in _ISO))
    if len(text) > MAX_LENGTH:
        return f"has more than {MAX_LENGTH} characters"
    tokens = _TOKEN.findall(text)
    for token in tokens:
        if token not in _PARTS and token.isalpha() and token != "T":  # noqa: S105 - ISO 8601's letter before a time
            known = ", ".join(_PARTS)
            return f"'{token}' is no part of a format; there are {known}, and {ISO} and {EXCEL} for themselves"
    return _lacking(tokens) or DateFormat((re.compile(_pattern(text)),))


def _lacking(tokens: list[str]) -> str | None:
    """Return why these parts make no point in time."""
    kinds = [_kind(token) for token in tokens if token in _PARTS]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        return f"says the {twice} twice"
    if missing := next((kind for kind in ("year", "month", "day") if kind not in kinds), None):
        return f"does not say the {missing}"
    if "minute" in kinds and "hour" not in kinds:
        return "says minutes but no hours"
    if "second" in kinds and "minute" not in kinds:
        return "says seconds but no minutes"
    if ("half" in kinds) != any(token in ("h", "hh") for token in tokens):
        return "hours from 1 to 12 (h, hh) and A, for am or pm, need each other"
    return None


def _kind(token: str) -> str:
    return {"Y": "year", "M": "month", "D": "day", "H": "hour", "h": "hour", "m": "minute", "s": "second"}.get(
        token[0],
        "half" if token == "A" else "offset",  # noqa: S105 - a part of a format
    )


def _pattern(text: str) -> str:
    return "".join(_PARTS.get(token) or re.escape(token) for token in _TOKEN.findall(text))


def _moment(parts: dict[str, str | None]) -> datetime:
    """Return what the parts say. Raises ValueError where there is no such day or time."""
    year = int(parts.get("year") or 0) or CENTURY + int(parts.get("short_year") or 0)
    name = parts.get("month_name")
    month = MONTHS.index(name.lower()) + 1 if name else int(parts.get("month") or 0)
    fraction = (parts.get("fraction") or "").ljust(6, "0")
    return datetime(
        year,
        month,
        int(parts.get("day") or 0),
        _hour(parts),
        int(parts.get("minute") or 0),
        int(parts.get("second") or 0),
        int(fraction),
        tzinfo=_offset(parts.get("offset")),
    )


def _hour(parts: dict[str, str | None]) -> int:
    if parts.get("half_hour") is None:
        return int(parts.get("hour") or 0)
    hour = int(parts["half_hour"] or 0)
    if not 1 <= hour <= NOON:
        raise ValueError("no hour from 1 to 12")
    return hour % NOON + (NOON if (parts["half"] or "").lower() == "pm" else 0)


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
