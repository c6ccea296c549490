"""Reads the members of an object of a message, and keeps what is wrong with them and where."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from services.ingest.domain.faults import Flaw
from services.ingest.domain.formats.foreign import MOST
from services.ingest.domain.formats.values import is_text, moment
from services.ingest.domain.json_text import Fraction
from shared.faults import pointer_to

_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", re.ASCII)


class Fields:
    """An object and where it stands; a value that is missing or wrong is None, and a flaw is kept."""

    def __init__(self, thing: object, place: str, flaws: list[Flaw] | None = None) -> None:
        self.thing: dict[str, Any] = thing if isinstance(thing, dict) else {}
        self.place = place
        self.flaws: list[Flaw] = [] if flaws is None else flaws
        self._is_object = isinstance(thing, dict)
        if not self._is_object:
            self.flaws.append(Flaw(pointer=place, detail="missing" if thing is None else "not an object"))

    def at(self, name: str | int) -> str:
        """Return where a member stands."""
        return self.place + pointer_to(name)

    def flaw(self, detail: str, *names: str | int) -> None:
        """Keep what is wrong with the object, or with a member of it; of what is no object no more is told."""
        if self._is_object:
            self.flaws.append(Flaw(pointer=self.place + pointer_to(*names), detail=detail))

    def has(self, name: str) -> bool:
        """Return whether a member says anything: null and an empty text do not."""
        return self.thing.get(name) not in (None, "")

    def text(self, name: str) -> str | None:
        """Return a text that must be there."""
        value = self.thing.get(name)
        if is_text(value) and value:
            return value
        self.flaw("missing" if not self.has(name) else "not a text", name)
        return None

    def one_of(self, name: str, words: tuple[str, ...]) -> str | None:
        """Return one of some words that must be there."""
        value = self.text(name)
        if value is None or value in words:
            return value
        self.flaw(f"not one of {', '.join(words)}", name)
        return None

    def items(self, name: str) -> list["Fields"]:
        """Return the objects of a list; none where there is no list."""
        value = self.thing.get(name)
        if not isinstance(value, list):
            if value is not None:
                self.flaw("not a list", name)
            return []
        if len(value) > MOST:
            self.flaw(f"more than {MOST}", name)
            return []
        return [Fields(item, self.place + pointer_to(name, i), self.flaws) for i, item in enumerate(value)]

    def inner(self, name: str) -> "Fields":
        """Return an object that must be there."""
        return Fields(self.thing.get(name), self.at(name), self.flaws if self._is_object else [])

    def number(self, name: str) -> Decimal | None:
        """Return a number as it was written, with or without quotes."""
        value = self.thing.get(name)
        if type(value) is int:
            value = f"{value:d}" if abs(value) < 10**30 else ""
        if isinstance(value, str | Fraction) and _DECIMAL.fullmatch(value):
            return Decimal(value)
        self.flaw("not a number" if self.has(name) else "missing", name)
        return None

    def line_number(self, name: str) -> int | None:
        """Return the number of a licence's line that must be there."""
        value = self.thing.get(name)
        if type(value) is int:
            return value
        self.flaw("not a line's number" if self.has(name) else "missing", name)
        return None

    def day(self, name: str) -> datetime | None:
        """Return the first moment of a date (ISO 8601, with or without its hyphens), in UTC."""
        value = self.text(name)
        found = _DATE.fullmatch(value) if value else None
        try:
            if found:
                return datetime.combine(date(int(found[1]), int(found[2]), int(found[3])), time(), UTC)
        except ValueError:
            pass
        if value:
            self.flaw("not a date, e.g. 2025-06-02", name)
        return None

    def moment(self, name: str) -> datetime | None:
        """Return a point in time that must be there."""
        found = moment(self.thing.get(name))
        if found is None:
            self.flaw("not a point in time with its UTC offset (RFC 3339)" if self.has(name) else "missing", name)
        return found

    def left_over(self, taken: frozenset[str], details: dict[str, str], detail: str) -> list[Flaw]:
        """Return the members that are not taken and say something, each with why."""
        return [
            Flaw(pointer=self.at(name), detail=details.get(name, detail))
            for name in self.thing
            if name not in taken and self.has(name)
        ]
