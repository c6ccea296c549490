"""Reads a list of events of DCSA Track & Trace 3.0 (`POST /events`) into trade events."""

from urllib.parse import quote

from services.ingest.domain.faults import Fault, Flaw, not_in_contract
from services.ingest.domain.formats.dcsa import table
from services.ingest.domain.formats.dcsa.item import (
    ACTUAL,
    NO_SHIPMENT,
    NO_SHIPMENT_TAKEN_BACK,
    NO_TIME,
    SOURCE,
    Item,
    at,
    refused,
)
from services.ingest.domain.formats.dcsa.table import Row
from services.ingest.domain.formats.foreign import MOST, Translation, gathered
from services.ingest.domain.formats.values import is_text, moment
from shared.events import EventRetracted

_CLASS = "eventClassification"
_PARTY = ("codeListProvider", "codeListName", "partyCode")
_LOCATION = ("eventLocation/UNLocationCode", "eventLocation/locationName")


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
        return refused(place, None, Flaw(pointer=place, detail="an event is an object"))
    event_id = event.get("eventID")
    if not is_text(event_id) or not event_id:
        return refused(place, None, Flaw(pointer=f"{place}/eventID", detail="an event needs an id"))
    item = Item(event, place, event_id, _source(event, source))
    return _retraction(item) if event.get("isRetracted") is True else _milestone(item)


def _milestone(item: Item) -> Translation:
    kind = item.at(f"{_CLASS}/eventTypeCode")
    if not is_text(kind) or kind not in table.SUBTYPES:
        return item.refused(f"{_CLASS}/eventTypeCode", f"must be one of {', '.join(table.SUBTYPES)}")
    if kind in table.NOT_READ:
        return item.nothing(item.flaw(f"{_CLASS}/eventTypeCode", table.NOT_READ[kind]))
    field = f"{_CLASS}/{table.SUBTYPES[kind]}"
    code = item.at(field)
    if not is_text(code):
        return item.refused(field, "an event of this kind needs its code")
    row = _row(item, kind, code, field)
    return item.nothing(row) if isinstance(row, Flaw) else _made(item, row)


def _row(item: Item, kind: str, code: str, field: str) -> Row | Flaw:
    """Return what the event says, or why it says nothing of a shipment's life."""
    classifier = item.at(f"{_CLASS}/eventClassifierCode")
    if classifier != ACTUAL:
        why = table.CLASSIFIERS.get(str(classifier), "must be ACT, EST or PLN; only ACT tells of what happened")
        return item.flaw(f"{_CLASS}/eventClassifierCode", why)
    row = table.BY_CODE.get((kind, code))
    if row is None:
        return item.flaw(field, table.OTHER_CODES.get((kind, code), table.NO_STEP))
    return item.contrary(row) or row


def _made(item: Item, row: Row) -> Translation:
    named = _shipment(item)
    if named is None:
        return item.nothing(item.flaw("shipmentDetails", NO_SHIPMENT))
    shipment_id, where = named
    time = moment(item.event.get("eventDateTime"))
    if time is None:
        return item.refused("eventDateTime", NO_TIME)
    location, location_at = item.first(_LOCATION)
    data = row.milestone(shipment_id=shipment_id, reason=item.reason, location=location)
    places = {
        **_places(item, "eventDateTime"),
        "/data/shipment_id": where,
        "/data/location": location_at,
    }
    return item.made(time, data, places, table.FIELDS)


def _retraction(item: Item) -> Translation:
    """Return that what the event with this id had given is taken back."""
    named = _shipment(item)
    if named is None:
        return item.refused("shipmentDetails", NO_SHIPMENT_TAKEN_BACK)
    field = "eventUpdatedDateTime" if "eventUpdatedDateTime" in item.event else "eventDateTime"
    time = moment(item.event.get(field))
    if time is None:
        return item.refused(field, NO_TIME)
    shipment_id, where = named
    data = EventRetracted(entity=f"shipment:{shipment_id}", source=item.source, id=item.event_id, reason=item.reason)
    places = {
        **_places(item, field),
        "/data/entity": where,
        "/data/id": f"{item.place}/eventID",
        "/data/source": f"{item.place}/eventRouting",
    }
    return item.made(time, data, places, table.FIELDS, f"{item.event_id}/retracted")


def _places(item: Item, time: str) -> dict[str, str]:
    """Return where a message has what both kinds of events hold."""
    return {
        "/id": f"{item.place}/eventID",
        "/source": f"{item.place}/eventRouting",
        "/time": f"{item.place}/{time}",
        "/data/reason": f"{item.place}/reason",
    }


def _shipment(item: Item) -> tuple[str, str] | None:
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


def _source(event: dict[str, object], source: str) -> str:
    party = at(event, "eventRouting/originatingParty")
    told = [party.get(name) for name in _PARTY] if isinstance(party, dict) else []
    parts = [quote(part, safe="") for part in told if is_text(part) and part]
    return (":" if source.startswith("urn:") else "/").join([source, *parts])
