"""Reads a list of events of DCSA Track & Trace 3.0 (`POST /events`) into trade events."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from services.ingest.domain.faults import Fault, Flaw, not_in_contract
from services.ingest.domain.formats.dcsa import table
from services.ingest.domain.formats.dcsa.table import Row
from services.ingest.domain.formats.fitting import misfits
from services.ingest.domain.formats.foreign import MOST, Translation, gathered
from services.ingest.domain.formats.values import is_text, moment
from shared.cloudevents import JSON, Event
from shared.events import EventRetracted

SOURCE = "urn:lanewatch:dcsa"
ACTUAL = "ACT"
_CLASS = "eventClassification"
_PARTY = ("codeListProvider", "codeListName", "partyCode")


class _Item(NamedTuple):
    """One event of the message, where it stands, its id and the source of what is made of it."""

    event: dict[str, object]
    place: str
    event_id: str
    source: str

    def at(self, path: str) -> object:
        """Return what stands at a path of names, or None."""
        return _at(self.event, path)

    def flaw(self, path: str, detail: str) -> Flaw:
        """Return a flaw at a path."""
        return Flaw(pointer=f"{self.place}/{path}" if path else self.place, detail=detail)


def translate(tree: object, source: str = SOURCE, most: int = MOST) -> list[Translation] | Fault:
    """Return what each event of a message gives, in order; a fault if it is no list of events, or of too many.

    `source` is what the sources of the events that are made begin with; after it comes the party that a DCSA event
    names as its origin, since only together with that its id is unique.
    """
    events = tree.get("events") if isinstance(tree, dict) else None
    if not isinstance(events, list):
        pointer = "/events" if isinstance(tree, dict) else ""
        return not_in_contract(Flaw(pointer=pointer, detail="a message is an object with a list of `events`"))
    translations = (_translated(event, f"/events/{index}", source) for index, event in enumerate(events))
    return gathered(len(events), translations, most)


def _translated(event: object, place: str, source: str) -> Translation:
    if not isinstance(event, dict):
        return _refused(place, None, Flaw(pointer=place, detail="an event is an object"))
    event_id = event.get("eventID")
    if not is_text(event_id) or not event_id:
        return _refused(place, None, Flaw(pointer=f"{place}/eventID", detail="an event needs an id"))
    item = _Item(event, place, event_id, _source(event, source))
    return _retraction(item) if event.get("isRetracted") is True else _milestone(item)


def _milestone(item: _Item) -> Translation:
    kind = item.at(f"{_CLASS}/eventTypeCode")
    if not is_text(kind) or kind not in table.SUBTYPES:
        known = ", ".join(table.SUBTYPES)
        return _refused(item.place, item.event_id, item.flaw(f"{_CLASS}/eventTypeCode", f"must be one of {known}"))
    if kind in table.NOT_READ:
        return _nothing(item, item.flaw(f"{_CLASS}/eventTypeCode", table.NOT_READ[kind]))
    field = f"{_CLASS}/{table.SUBTYPES[kind]}"
    code = item.at(field)
    if not is_text(code):
        return _refused(item.place, item.event_id, item.flaw(field, "an event of this kind needs its code"))
    row = _row(item, kind, code, field)
    return _nothing(item, row) if isinstance(row, Flaw) else _made(item, row)


def _row(item: _Item, kind: str, code: str, field: str) -> Row | Flaw:
    """Return what the event says, or why it says nothing of a shipment's life."""
    classifier = item.at(f"{_CLASS}/eventClassifierCode")
    if classifier != ACTUAL:
        why = table.CLASSIFIERS.get(str(classifier), "must be ACT, EST or PLN; only ACT tells of what happened")
        return item.flaw(f"{_CLASS}/eventClassifierCode", why)
    row = table.BY_CODE.get((kind, code))
    if row is None:
        return item.flaw(field, table.OTHER_CODES.get((kind, code), table.NO_STEP))
    return _contrary(item, row) or row


def _contrary(item: _Item, row: Row) -> Flaw | None:
    """Return why this event of the row's code is no such milestone, if so."""
    for path, values in row.only:
        told = item.at(path)
        if told is not None and told not in values:
            return item.flaw(path, f"with {row.code} only {' or '.join(values)} makes a milestone")
    for path, value in row.needs:
        if item.at(path) != value:
            return item.flaw(path, f"with {row.code} it must be {value} to make a milestone")
    return None


def _made(item: _Item, row: Row) -> Translation:
    named = _shipment(item)
    if named is None:
        return _nothing(item, item.flaw("shipmentDetails", "names no shipment; see docs/ingest/dcsa.md for what does"))
    shipment_id, where = named
    time = moment(item.event.get("eventDateTime"))
    if time is None:
        detail = "not a point in time with its UTC offset (RFC 3339)"
        return _refused(item.place, item.event_id, item.flaw("eventDateTime", detail))
    location, location_at = _location(item)
    data = row.milestone(shipment_id=shipment_id, reason=_reason(item), location=location)
    places = {
        "": item.place,
        "/id": f"{item.place}/eventID",
        "/source": f"{item.place}/eventRouting",
        "/time": f"{item.place}/eventDateTime",
        "/data/shipment_id": where,
        "/data/reason": f"{item.place}/reason",
        "/data/location": location_at,
    }
    return _checked(item, _event(item, item.event_id, time, data), places)


def _retraction(item: _Item) -> Translation:
    """Return that what the event with this id had given is taken back."""
    named = _shipment(item)
    if named is None:
        detail = "a retraction is put in order with the shipment that it is about, so it must name it"
        return _refused(item.place, item.event_id, item.flaw("shipmentDetails", detail))
    field = "eventUpdatedDateTime" if "eventUpdatedDateTime" in item.event else "eventDateTime"
    time = moment(item.event.get(field))
    if time is None:
        detail = "not a point in time with its UTC offset (RFC 3339)"
        return _refused(item.place, item.event_id, item.flaw(field, detail))
    shipment_id, where = named
    data = EventRetracted(entity=f"shipment:{shipment_id}", source=item.source, id=item.event_id, reason=_reason(item))
    places = {
        "": item.place,
        "/id": f"{item.place}/eventID",
        "/source": f"{item.place}/eventRouting",
        "/time": f"{item.place}/{field}",
        "/data/entity": where,
        "/data/id": f"{item.place}/eventID",
        "/data/source": f"{item.place}/eventRouting",
        "/data/reason": f"{item.place}/reason",
    }
    return _checked(item, _event(item, f"{item.event_id}/retracted", time, data), places)


def _event(item: _Item, event_id: str, time: datetime, data: Any) -> Event[Any]:
    return Event(
        specversion="1.0",
        id=event_id,
        source=item.source,
        type=data.TYPE,
        time=time,
        datacontenttype=JSON,
        data=data,
    )


def _checked(item: _Item, event: Event[Any], places: dict[str, str]) -> Translation:
    flaws = misfits(event, places)
    if flaws:
        return _refused(item.place, item.event_id, *flaws)
    return Translation(item.place, item.event_id, (event,), unmapped=tuple(_left_over(item)))


def _refused(place: str, name: str | None, *flaws: Flaw) -> Translation:
    return Translation(place, name, fault=not_in_contract(*flaws))


def _nothing(item: _Item, why: Flaw) -> Translation:
    return Translation(item.place, item.event_id, unmapped=(why,))


def _left_over(item: _Item) -> Iterator[Flaw]:
    for field, why in table.FIELDS.items():
        if item.event.get(field) is not None:
            yield item.flaw(field, why)


def _shipment(item: _Item) -> tuple[str, str] | None:
    """Return what names the shipment, and where that stands."""
    for field, code, _ in table.REFERENCES:
        told = item.at(f"shipmentDetails/{field}")
        several = list(enumerate(told)) if isinstance(told, list) else [(None, told)]
        for index, each in several:
            reference = each.get("reference") if isinstance(each, dict) else None
            if is_text(reference) and isinstance(each, dict) and each.get("typeCode") == code:
                step = field if index is None else f"{field}/{index}"
                return reference, f"{item.place}/shipmentDetails/{step}/reference"
    return None


def _location(item: _Item) -> tuple[str | None, str]:
    for name in ("UNLocationCode", "locationName"):
        told = item.at(f"eventLocation/{name}")
        if is_text(told) and told:
            return told, f"{item.place}/eventLocation/{name}"
    return None, f"{item.place}/eventLocation"


def _reason(item: _Item) -> str:
    told = item.event.get("reason")
    return told if is_text(told) else ""


def _source(event: dict[str, object], source: str) -> str:
    party = _at(event, "eventRouting/originatingParty")
    told = [party.get(name) for name in _PARTY] if isinstance(party, dict) else []
    parts = [quote(part, safe="") for part in told if is_text(part) and part]
    return (":" if source.startswith("urn:") else "/").join([source, *parts])


def _at(tree: object, path: str) -> object:
    for name in path.split("/"):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
