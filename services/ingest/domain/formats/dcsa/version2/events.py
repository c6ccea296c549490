"""Reads the body of a callback of DCSA Track & Trace 2.2, a list of events, into trade events."""

import hashlib
import json

from services.ingest.domain.faults import Fault, Flaw, not_in_contract
from services.ingest.domain.formats.dcsa.item import (
    ACTUAL,
    NO_SHIPMENT,
    NO_SHIPMENT_TAKEN_BACK,
    NO_TIME,
    SOURCE,
    Item,
    refused,
)
from services.ingest.domain.formats.dcsa.table import CLASSIFIERS, NO_STEP, Row
from services.ingest.domain.formats.dcsa.version2 import table
from services.ingest.domain.formats.foreign import MOST, Translation, gathered
from services.ingest.domain.formats.values import is_text, moment
from shared.events import EventRetracted

_LOCATION = (
    "eventLocation/UNLocationCode",
    "transportCall/UNLocationCode",
    "transportCall/location/UNLocationCode",
    "eventLocation/locationName",
    "transportCall/location/locationName",
)
_OF_THE_MESSAGE = "eventCreatedDateTime"
"""Says when the message was written; told again, the same event has another."""


def translate(tree: object, source: str = SOURCE, most: int = MOST) -> list[Translation] | Fault:
    """Return what each event of a callback gives, in order; a fault if it is no list of events, or of too many."""
    if not isinstance(tree, list):
        return not_in_contract(Flaw(pointer="", detail="the body of a callback is a list of events"))
    translations = (_translated(event, f"/{index}", source) for index, event in enumerate(tree))
    return gathered(len(tree), translations, most)


def _translated(event: object, place: str, source: str) -> Translation:
    if not isinstance(event, dict):
        return refused(place, None, Flaw(pointer=place, detail="an event is an object"))
    event_id = event.get("eventID")
    if event_id is not None and (not is_text(event_id) or not event_id):
        return refused(place, None, Flaw(pointer=f"{place}/eventID", detail="not an id"))
    item = Item(event, place, event_id or _id_of(event), source)
    return _milestone(item) if event.get("retractedEventID") is None else _retraction(item)


def _id_of(event: dict[str, object]) -> str:
    """Return an id that follows from what the event says: the standard lets `eventID` be left out."""
    said = {name: value for name, value in event.items() if name != _OF_THE_MESSAGE}
    return f"dcsa-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]}"


def _milestone(item: Item) -> Translation:
    kind = item.at("eventType")
    if not is_text(kind) or kind not in table.SUBTYPES:
        return item.refused("eventType", f"must be one of {', '.join(table.SUBTYPES)}")
    field = table.SUBTYPES[kind] if table.SUBTYPES[kind] in item.event else table.OLDER_NAME
    code = item.at(field)
    if not is_text(code):
        return item.refused(table.SUBTYPES[kind], "an event of this kind needs its code")
    row = _row(item, kind, code, field)
    return item.nothing(row) if isinstance(row, Flaw) else _made(item, row)


def _row(item: Item, kind: str, code: str, field: str) -> Row | Flaw:
    """Return what the event says, or why it says nothing of a shipment's life."""
    classifier = item.at("eventClassifierCode")
    if classifier != ACTUAL:
        why = CLASSIFIERS.get(str(classifier), "must be ACT, EST or PLN; only ACT tells of what happened")
        return item.flaw("eventClassifierCode", why)
    row = table.BY_CODE.get((kind, code))
    if row is None:
        return item.flaw(field, table.OTHER_CODES.get((kind, code), NO_STEP))
    return item.contrary(row) or row


def _made(item: Item, row: Row) -> Translation:
    named = _shipment(item)
    if named is None:
        return item.nothing(item.flaw("", NO_SHIPMENT))
    shipment_id, where = named
    time = moment(item.event.get("eventDateTime"))
    if time is None:
        return item.refused("eventDateTime", NO_TIME)
    location, location_at = item.first(_LOCATION)
    data = row.milestone(shipment_id=shipment_id, reason=item.reason, location=location)
    places = {
        "/id": f"{item.place}/eventID",
        "/time": f"{item.place}/eventDateTime",
        "/data/shipment_id": where,
        "/data/reason": f"{item.place}/reason",
        "/data/location": location_at,
    }
    return item.made(time, data, places, table.FIELDS)


def _retraction(item: Item) -> Translation:
    """Return that what the event that it names had given is taken back."""
    of_whom = item.event["retractedEventID"]
    if not is_text(of_whom) or not of_whom:
        return item.refused("retractedEventID", "not an id")
    named = _shipment(item)
    if named is None:
        return item.refused("", NO_SHIPMENT_TAKEN_BACK)
    time = moment(item.event.get(_OF_THE_MESSAGE))
    if time is None:
        return item.refused(_OF_THE_MESSAGE, NO_TIME)
    shipment_id, where = named
    data = EventRetracted(entity=f"shipment:{shipment_id}", source=item.source, id=of_whom, reason=item.reason)
    places = {
        "/id": f"{item.place}/eventID",
        "/time": f"{item.place}/{_OF_THE_MESSAGE}",
        "/data/entity": where,
        "/data/id": f"{item.place}/retractedEventID",
        "/data/reason": f"{item.place}/reason",
    }
    return item.made(time, data, places, table.FIELDS)


def _shipment(item: Item) -> tuple[str, str] | None:
    """Return what names the shipment, and where that stands."""
    for field, code, _ in table.REFERENCES:
        kind, value = table.PAIRS[field]
        told = item.at(field)
        for index, each in enumerate(told if isinstance(told, list) else ()):
            if isinstance(each, dict) and each.get(kind) == code and is_text(each.get(value)):
                return str(each[value]), f"{item.place}/{field}/{index}/{value}"
    document = item.at("documentID")
    if item.at("documentTypeCode") == table.BOOKING and is_text(document):
        return document, f"{item.place}/documentID"
    return None
