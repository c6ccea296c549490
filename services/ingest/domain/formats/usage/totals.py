"""The usage of licences that customs report (lite-hmrc to lite-api: `{"usage_data_id": …, "licences": […]}`).

A report tells the total of each line so far, so a later total takes the place of an earlier one. A ledger's entry adds.
The earlier total is therefore taken back by name before the later one is entered, and a report has to say which report
it follows (`replaces`): whoever keeps no books cannot know, and guessing would count usage twice.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from services.ingest.domain.faults import Fault, Flaw, not_in_contract
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.fields import Fields
from services.ingest.domain.formats.usage.made import Reading
from services.ingest.domain.formats.usage.quantities import is_no_mass, mass, money
from services.ingest.domain.formats.usage.table import FOLLOWS, STATES
from services.ingest.domain.formats.values import is_text
from shared.events import EventRetracted, LicenceUseBroughtForward, Money
from shared.masses import Mass

_TAKEN = frozenset({"reference", "id", "action", "completion_date", "goods", "replaces"})
_OF_A_GOOD = frozenset({"line_number", "usage", "unit", "value", "currency", "replaces"})
_WHY = {"id": "a line is known by its number; an id of goods leads to none without the books of who gave it"}
_NO_PLACE = "has no place in what was used"
_NO_MASS = "not counted: what is counted in this unit has no mass"
_REPLACES = (
    "missing: the usage_data_id of the report whose total of this line this one takes the place of,"
    " or null if there is none"
)
_ZERO = re.compile(r"0+(\.0+)?", re.ASCII)


class _Report(NamedTuple):
    """What a report says of itself."""

    id: str
    at: datetime
    thing: dict[str, object]


def translate_usage(tree: dict[str, object], licences: list[object], source: str) -> Iterator[Translation] | Fault:
    """Return what a report gives for each licence, in order; a fault if it does not say which report it is, or when."""
    told = Fields(tree, "")
    report_id, at = told.text("usage_data_id"), told.moment("created_at")
    if report_id and "/" in report_id:
        told.flaw("an id of a report holds no /", "usage_data_id")
    if report_id is None or at is None or told.flaws:
        return not_in_contract(*told.flaws)
    return _licences(_Report(report_id, at, tree), licences, source)


def _licences(report: _Report, licences: list[object], source: str) -> Iterator[Translation]:
    seen: set[str | None] = set()
    for index, each in enumerate(licences):
        translation = _licence(report, Fields(each, f"/licences/{index}"), source, seen)
        seen.add(translation.name)
        yield translation


def _licence(report: _Report, told: Fields, source: str, seen: set[str | None]) -> Translation:
    if told.flaws:
        return Translation(told.place, fault=not_in_contract(*told.flaws))
    named_by = "reference" if told.has("reference") or not told.has("id") else "id"
    licence_id = told.text(named_by)
    reading = Reading(told.place, source, licence_id)
    action = told.one_of("action", tuple(STATES))
    goods = told.items("goods")
    if licence_id in seen:
        told.flaw("stands before in this report, with totals of its own", named_by)
    if licence_id and action:
        where = {"/data/licence_id": told.at(named_by), "/data/entity": told.at(named_by)}
        _refuse_twins(goods)
        for good in goods:
            _good(report, told, good, reading, licence_id, where)
        _end(report, told, reading, licence_id, action, where)
    reading.notes += told.left_over(_TAKEN, _WHY, _NO_PLACE)
    if not reading.made and not reading.notes:
        reading.notes.append(Flaw(pointer=told.place, detail="tells no total of any line"))
    return reading.translation(told.flaws)


def _refuse_twins(goods: list[Fields]) -> None:
    seen: set[int] = set()
    for good in goods:
        number = good.thing.get("line_number")
        if isinstance(number, int):
            if number in seen:
                good.flaw("stands before in this licence, with a total of its own", "line_number")
            seen.add(number)


def _good(
    report: _Report, told: Fields, good: Fields, reading: Reading, licence_id: str, where: dict[str, str]
) -> None:
    """Enter the total of a line, after the one whose place it takes is taken back."""
    if is_no_mass(good) and not _counts(good, "value"):
        reading.notes.append(Flaw(pointer=good.at("unit"), detail=_NO_MASS))
        return
    line_no, used = good.line_number("line_number"), _used(good)
    replaced = _replaced(report, told, good)
    if line_no is None or used is None or isinstance(replaced, bool):
        return
    line = f"{licence_id}/{line_no}"
    if replaced:
        taken_back = EventRetracted(
            entity=f"licence:{licence_id}",
            source=reading.source,
            id=f"{replaced}/{line}",
            reason=f"its place takes the total of report {report.id}",
        )
        reading.make(f"{report.id}/{line}/replaces", report.at, taken_back, {**_ids(good), **where})
    mass_used, value_used = used
    total = LicenceUseBroughtForward(licence_id=licence_id, line_no=line_no, mass=mass_used, value=value_used)
    reading.make(f"{report.id}/{line}", report.at, total, {**_ids(good), **where})
    reading.notes += good.left_over(_OF_A_GOOD, _WHY, _NO_PLACE)


def _used(good: Fields) -> tuple[Mass | None, Money | None] | None:
    """Return the total by what the line is controlled by: customs tell zero, or nothing, for the other.

    A total of nothing at all is entered too, since a later one is to take its place.
    """
    before = len(good.flaws)
    is_value = _counts(good, "value") or (good.has("currency") and not _counts(good, "usage"))
    value_used = money(good, "value") if is_value else None
    mass_used = mass(good, "usage") if _counts(good, "usage") or not is_value else None
    return (mass_used, value_used) if len(good.flaws) == before else None


def _counts(good: Fields, name: str) -> bool:
    """Return whether a member says anything but zero."""
    value = good.thing.get(name)
    return value not in (None, "", 0) and not (isinstance(value, str) and _ZERO.fullmatch(value))


def _replaced(report: _Report, told: Fields, good: Fields) -> str | bool | None:
    """Return the report whose total of a line is replaced: None for none, False where that is not said."""
    for thing, at in ((good.thing, good.at), (told.thing, told.at), (report.thing, Fields({}, "").at)):
        if "replaces" in thing:
            replaced = thing["replaces"]
            if replaced is None or (is_text(replaced) and replaced not in ("", report.id)):
                return replaced
            good.flaws.append(Flaw(pointer=at("replaces"), detail="not the usage_data_id of another report, nor null"))
            return False
    good.flaw(_REPLACES, "replaces")
    return False


def _end(report: _Report, told: Fields, reading: Reading, licence_id: str, action: str, where: dict[str, str]) -> None:
    """End a licence for good, on the day that is told, where the report says that it ended."""
    kind = STATES[action]
    if kind is None:
        if action in FOLLOWS:
            reading.notes.append(Flaw(pointer=told.at("action"), detail=f"{action} {FOLLOWS[action]}"))
        return
    at = told.day("completion_date") if told.has("completion_date") else report.at
    if at:
        data = kind(licence_id=licence_id, reason=f"{action}, as report {report.id} says")
        places = {**where, "/time": told.at("completion_date"), "/id": "/usage_data_id"}
        reading.make(f"{report.id}/{licence_id}/{action}", at, data, places)


def _ids(good: Fields) -> dict[str, str]:
    return {
        "": good.place,
        "/id": "/usage_data_id",
        "/time": "/created_at",
        "/data/id": good.at("replaces"),
        "/data/line_no": good.at("line_number"),
        "/data/mass": good.at("usage"),
        "/data/value/amount": good.at("value"),
        "/data/value/currency": good.at("currency"),
    }
