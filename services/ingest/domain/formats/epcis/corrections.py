"""Error declarations (EPCIS 2.0): an event that is sent again to say that it should not have been."""

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from services.ingest.domain.faults import Flaw
from services.ingest.domain.formats.epcis.identity import part_of
from services.ingest.domain.formats.epcis.made import Item, Made, make
from services.ingest.domain.formats.values import is_text, moment
from shared.events import EventRetracted

_MOST_TOLD = 10
_FIELD = "errorDeclaration"


def flaws(event: dict[str, object], place: str) -> Iterator[Flaw]:
    """Yield what makes an event's error declaration unsound, if it has one."""
    if _FIELD not in event:
        return
    told = event[_FIELD]
    place = f"{place}/{_FIELD}"
    if not isinstance(told, dict):
        yield Flaw(pointer=place, detail="an error declaration is an object")
        return
    if moment(told.get("declarationTime")) is None:
        yield Flaw(pointer=f"{place}/declarationTime", detail="not a point in time with its UTC offset (RFC 3339)")
    if not is_text(told.get("reason", "")):
        yield Flaw(pointer=f"{place}/reason", detail="not a word of the Core Business Vocabulary or a URI")
    ids = told.get("correctiveEventIDs", [])
    if not (isinstance(ids, list) and all(is_text(each) for each in ids)):
        yield Flaw(pointer=f"{place}/correctiveEventIDs", detail="not a list of ids of events")


def retraction(item: Item, made: Made) -> Made:
    """Return that what an event had given is taken back."""
    told = cast("dict[str, object]", item.event[_FIELD])
    data = EventRetracted(
        entity=f"shipment:{made.shipment_id}",
        source=made.event.source,
        id=made.event.id,
        reason=_reason(item, told),
    )
    place = f"{item.place}/{_FIELD}"
    places = {
        **{part: where for part, where in made.places.items() if part.startswith("/data/")},
        "": item.place,
        "/id": f"{item.place}/eventID",
        "/time": f"{place}/declarationTime",
        "/data/id": f"{item.place}/eventID",
        "/data/entity": made.places.get("/data/shipment_id", item.place),
        "/data/reason": f"{place}/reason",
    }
    time = cast("datetime", moment(told["declarationTime"]))
    return Made(make(item, part_of(made.event.id, "retracted"), time, data), made.shipment_id, places)


def nothing_made(item: Item) -> Flaw:
    """Return that an event is taken back of which nothing had been made."""
    return Flaw(pointer=f"{item.place}/{_FIELD}", detail="takes back an event of which nothing had been taken")


def _reason(item: Item, told: dict[str, object]) -> str:
    reason = item.names.word("error", str(told.get("reason", ""))) or "no reason given"
    ids = [str(each) for each in cast("list[object]", told.get("correctiveEventIDs", []))]
    more = f" and {len(ids) - _MOST_TOLD} more" if len(ids) > _MOST_TOLD else ""
    corrected = f"; corrected by {', '.join(ids[:_MOST_TOLD])}{more}" if ids else ""
    return f"EPCIS error declaration: {reason}{corrected}"
