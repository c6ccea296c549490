"""Our own declaration in an EPCIS event, as a field that a user adds to it: EPCIS has no words for what one says."""

import msgspec

from services.ingest.domain.faults import Flaw
from services.ingest.domain.formats.epcis.identity import part_of
from services.ingest.domain.formats.epcis.made import Item, Made
from services.ingest.domain.formats.epcis.references import Reference
from services.ingest.domain.formats.epcis.vocabulary import OWN_EXTENSION
from services.ingest.domain.formats.fitting import place_in
from services.ingest.domain.json_text import Fraction
from shared.cloudevents import read_trade_event
from shared.errors import PermanentError
from shared.events import ShipmentDeclared
from shared.faults import pointer_to

FIELD = f"{OWN_EXTENSION}declaration"


def declared(item: Item, named: list[Reference]) -> Made | tuple[Flaw, ...] | None:
    """Return the declaration that an event carries, what is wrong with it, or None where it has none."""
    key = next((key for key in item.event if item.names.full(key) == FIELD), None)
    if key is None:
        return None
    places = {
        "": item.place,
        "/id": f"{item.place}/eventID",
        "/time": f"{item.place}/eventTime",
        "/data": item.place + pointer_to(key),
    }
    try:
        event = read_trade_event(_event(item, item.event[key]))
    except PermanentError as error:
        return tuple(Flaw(pointer=place_in(fault.pointer, places), detail=fault.detail) for fault in error.faults)
    shipment_id = event.data.shipment_id  # type: ignore[union-attr] # the type that was read says it
    if named and shipment_id not in {reference.shipment_id for reference in named}:
        pointer = f"{places['/data']}/shipment_id"
        return (Flaw(pointer=pointer, detail=f"the event itself names {named[0].shipment_id}"),)
    return Made(event, shipment_id, places)


def _event(item: Item, data: object) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": part_of(item.event_id, "declared"),
        "source": item.source,
        "type": ShipmentDeclared.TYPE,
        "time": item.time,
        "data": _as_sent(data),
    }
    return msgspec.json.encode(envelope)


def _as_sent(value: object) -> object:
    """Return a value with its numbers as they stood, so that the contract is asked of what was sent."""
    if isinstance(value, dict):
        return {key: _as_sent(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    return msgspec.Raw(value.encode()) if isinstance(value, Fraction) else value
