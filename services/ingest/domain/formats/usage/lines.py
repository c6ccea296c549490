"""The goods of a licence as its lines."""

import re
from typing import NamedTuple

from services.ingest.domain.faults import Flaw
from services.ingest.domain.formats.foreign import MOST
from services.ingest.domain.formats.usage.fields import Fields
from services.ingest.domain.formats.usage.made import Reading
from services.ingest.domain.formats.usage.quantities import is_no_mass, mass, money
from services.ingest.domain.formats.usage.table import BOTH, CONTROLS, QUANTITY, UNLIMITED, VALUE
from services.ingest.domain.formats.values import is_text
from shared.events import LicenceLine, Selector

_TAKEN = frozenset(
    {"line_number", "commodity", "control_list_entries", "controlled_by", "quantity", "unit", "currency"}
)
_WHY = {
    "usage": "what was used is told in a report of usage",
    "value": "the line is not controlled by value",
    "name": "goods are told from others by commodity and control list entries",
    "description": "goods are told from others by commodity and control list entries",
}
_NO_PLACE = "has no place in a licence's line"
_UNNAMED = "no line: neither commodity nor control_list_entries tells these goods from others"
_NO_MASS = "no line: what is counted in this unit has no mass that could be drawn on"
_DIGITS = re.compile(r"[0-9. ]+", re.ASCII)


class Line(NamedTuple):
    """A line, and where its parts stand in the message."""

    line: LicenceLine
    places: dict[str, str]


def lines(told: Fields, reading: Reading, *, is_open: bool) -> list[Line]:
    """Return the lines of a licence's goods, numbered as they stand; goods that can be no line are noted."""
    found: list[Line] = []
    seen: set[int | None] = set()
    for number, good in enumerate(told.items("goods"), start=1):
        covers = _covers(good)
        default = UNLIMITED if is_open and not good.has("quantity") else QUANTITY
        control = good.one_of("controlled_by", CONTROLS) if good.has("controlled_by") else default
        if covers == Selector():
            reading.notes.append(Flaw(pointer=good.place, detail=_UNNAMED))
        elif control in (QUANTITY, BOTH) and is_no_mass(good):
            reading.notes.append(Flaw(pointer=good.at("unit"), detail=_NO_MASS))
        else:
            line_no = good.line_number("line_number") if good.has("line_number") else number
            if line_no in seen:
                good.flaw("stands twice in goods", "line_number")
            seen.add(line_no)
            found.append(_line(good, line_no or number, covers, control or default, len(found)))
            taken = _TAKEN | ({"value"} if control in (VALUE, BOTH) else frozenset())
            reading.notes += good.left_over(taken, _WHY, _NO_PLACE)
    return found


def _line(good: Fields, line_no: int, covers: Selector, control: str, index: int) -> Line:
    line = LicenceLine(
        line_no=line_no,
        covers=covers,
        mass=mass(good, "quantity") if control in (QUANTITY, BOTH) else None,
        value=money(good, "value") if control in (VALUE, BOTH) else None,
    )
    part = f"/data/lines/{index}"
    places = {
        part: good.place,
        f"{part}/line_no": good.at("line_number"),
        f"{part}/covers/hs/0": good.at("commodity"),
        f"{part}/covers/control_codes": good.at("control_list_entries"),
        f"{part}/mass": good.at("quantity"),
        f"{part}/value/amount": good.at("value"),
        f"{part}/value/currency": good.at("currency"),
    }
    return Line(line, places)


def _covers(good: Fields) -> Selector:
    """Return which goods are meant: those of the customs code and of any of the control list's ratings."""
    hs: tuple[str, ...] = ()
    if good.has("commodity") and (code := good.text("commodity")):
        hs = (re.sub("[. ]", "", code) if _DIGITS.fullmatch(code) else code,)
    return Selector(hs=hs, control_codes=tuple(_ratings(good)))


def _ratings(good: Fields) -> list[str]:
    entries = good.thing.get("control_list_entries") or []
    if not isinstance(entries, list):
        good.flaw("not a list", "control_list_entries")
        return []
    if len(entries) > MOST:
        good.flaw(f"more than {MOST}", "control_list_entries")
        return []
    found = []
    for index, entry in enumerate(entries):
        rating = entry.get("rating") if isinstance(entry, dict) else entry
        if is_text(rating):
            found.append(rating)
        else:
            good.flaw("not a control list entry", "control_list_entries", index)
    return found
