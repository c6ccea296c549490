"""What one EPCIS event gives: milestones, a declaration, or that earlier ones are taken back; and what has no place."""

import re
from collections.abc import Iterator

from services.ingest.domain.faults import Flaw, not_in_contract
from services.ingest.domain.formats.epcis import corrections, declarations, steps
from services.ingest.domain.formats.epcis.identity import event_id
from services.ingest.domain.formats.epcis.made import Item, Made
from services.ingest.domain.formats.epcis.references import Reference, shipments
from services.ingest.domain.formats.epcis.table import EVENT_TYPES, FIELDS, NO_FIELD
from services.ingest.domain.formats.epcis.vocabulary import Names, members
from services.ingest.domain.formats.fitting import misfits
from services.ingest.domain.formats.foreign import MOST, Translation
from services.ingest.domain.formats.values import is_text, moment
from shared.faults import pointer_to

SOURCE = "urn:lanewatch:epcis"
READ = ("ObjectEvent", "TransactionEvent")
ACTIONS = ("OBSERVE", "ADD", "DELETE")
_OFFSET = re.compile(r"[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)", re.ASCII)
_TAKEN = frozenset(
    {
        "@context",
        "type",
        "eventID",
        "eventTime",
        "eventTimeZoneOffset",
        "action",
        "bizStep",
        "disposition",
        "bizTransactionList",
        "errorDeclaration",
    }
)
_NO_SHIPMENT = (
    "names no shipment; a despatch advice (desadv), a bill of lading (bol), a GS1 shipment number (GSIN) or"
    " urn:lanewatch:shipment: with our shipment_id does"
)


def translate_event(event: object, names: Names, place: str, source: str = SOURCE) -> Translation:
    """Return what an event gives; `names` are those of its document, `place` is where it stands there."""
    if not isinstance(event, dict):
        return Translation(place, fault=not_in_contract(Flaw(pointer=place, detail="an event is an object")))
    names = names.within(event.get("@context"))
    own_id, kind = event.get("eventID"), event.get("type")
    name = own_id if is_text(own_id) else None
    word = names.word("event", kind) if is_text(kind) else ""
    if word and word not in READ:
        why = EVENT_TYPES.get(word, "is a kind of event that EPCIS does not know")
        return Translation(place, name, unmapped=(Flaw(pointer=f"{place}/type", detail=f"{word} {why}"),))
    if flaws := tuple(_flaws(event, word, place)):
        return Translation(place, name, fault=not_in_contract(*flaws))
    item = Item(event, names, place, event_id(event, names), source)
    return _translated(item, name)


def _flaws(event: dict[str, object], kind: str, place: str) -> Iterator[Flaw]:
    """Yield what makes an event unsound by the standard, of what is read here."""
    if not kind:
        yield Flaw(pointer=f"{place}/type", detail="not the type of an event")
    if moment(event.get("eventTime")) is None:
        yield Flaw(pointer=f"{place}/eventTime", detail="not a point in time with its UTC offset (RFC 3339)")
    offset = event.get("eventTimeZoneOffset")
    if not (is_text(offset) and _OFFSET.fullmatch(offset)):
        yield Flaw(pointer=f"{place}/eventTimeZoneOffset", detail="not an offset from UTC, e.g. +02:00")
    if not is_text(event.get("eventID", "")):
        yield Flaw(pointer=f"{place}/eventID", detail="not a URI")
    if event.get("action") not in ACTIONS:
        yield Flaw(pointer=f"{place}/action", detail=f"not one of {', '.join(ACTIONS)}")
    for field in ("bizStep", "disposition"):
        if not is_text(event.get(field, "")):
            yield Flaw(pointer=f"{place}/{field}", detail="not a word of the Core Business Vocabulary or a URI")
    yield from corrections.flaws(event, place)


def _translated(item: Item, name: str | None) -> Translation:
    named = shipments(item.event, item.names, item.place)
    if len(named) > MOST:
        flaw = Flaw(pointer=named[MOST].pointer, detail=f"an event is about at most {MOST} shipments")
        return Translation(item.place, name, fault=not_in_contract(flaw))
    declared = declarations.declared(item, named)
    if isinstance(declared, tuple):
        return Translation(item.place, name, fault=not_in_contract(*declared))
    if declared and not named:
        named = [Reference(declared.shipment_id, "declared", declared.places["/data"] + "/shipment_id")]
    row = steps.step(item)
    made = [declared] if declared else []
    notes: list[Flaw] = []
    if isinstance(row, Flaw):
        notes.append(row)
    elif named:
        made += steps.milestones(item, row, named)
    else:
        notes.append(Flaw(pointer=item.place, detail=_NO_SHIPMENT))
    if "errorDeclaration" in item.event:
        notes = [] if made else [*notes, corrections.nothing_made(item)]
        made = [corrections.retraction(item, each) for each in made]
    flaws = [flaw for each in made for flaw in misfits(each.event, each.places)]
    if flaws:
        return Translation(item.place, name, fault=not_in_contract(*dict.fromkeys(flaws)))
    notes += _left_over(item, made, {each.pointer for each in named}) if made else ()
    return Translation(item.place, name, tuple(each.event for each in made), unmapped=tuple(notes))


def _left_over(item: Item, made: list[Made], named: set[str]) -> Iterator[Flaw]:
    """Yield what an event says beside what was taken of it."""
    taken = {pointer for each in made for pointer in each.places.values()}
    for field in item.event:
        pointer = item.place + pointer_to(field)
        if field in _TAKEN or pointer in taken or f"{pointer}/id" in taken:
            continue
        yield Flaw(pointer=pointer, detail=FIELDS.get(field, NO_FIELD))
    for _, where in members(item.event, "bizTransactionList", item.place):
        if f"{where}/bizTransaction" not in named:
            yield Flaw(pointer=where, detail="is a less particular name than the one taken, or no name of a shipment")
