"""The milestones that an EPCIS event tells of, by the table."""

from collections.abc import Iterator

from services.ingest.domain.faults import Flaw
from services.ingest.domain.formats.epcis.identity import part_of
from services.ingest.domain.formats.epcis.made import Item, Made, make
from services.ingest.domain.formats.epcis.places import site
from services.ingest.domain.formats.epcis.references import Reference
from services.ingest.domain.formats.epcis.table import BY_STEP, CONTRARY, NO_STEP, OTHER_STEPS, Row
from services.ingest.domain.formats.epcis.vocabulary import members
from services.ingest.domain.formats.values import is_text

_AT = ("readPoint", "bizLocation")
_DELETE = {
    "ObjectEvent": "DELETE says that the objects are no more",
    "TransactionEvent": "DELETE says that goods were taken out of the transaction",
}
_STOP = "is not the {end} that the event names, so this is a stop on the way"


def step(item: Item) -> Row | Flaw:
    """Return the row of the table that speaks of an event, or why none does."""
    told = item.event.get("bizStep")
    if not is_text(told):
        return Flaw(pointer=item.place, detail="says no business step, so nothing that happened to a shipment")
    word = item.names.word("step", told)
    if (row := BY_STEP.get(word)) is None:
        why = OTHER_STEPS.get(word) or ("is a step of a vocabulary that is not read" if ":" in word else NO_STEP)
        return Flaw(pointer=f"{item.place}/bizStep", detail=f"{word} {why}")
    return _contrary(item) or _elsewhere(item, row) or row


def milestones(item: Item, row: Row, named: list[Reference]) -> Iterator[Made]:
    """Yield the milestone of each shipment that an event names."""
    where = _location(item)
    told = [item.names.word("step", str(item.event["bizStep"]))]
    if disposition := item.event.get("disposition"):
        told.append(item.names.word("disposition", str(disposition)))
    for reference in named:
        data = row.milestone(
            shipment_id=reference.shipment_id,
            reason=f"EPCIS {', '.join(told)}",
            location=where[0] if where else None,
        )
        event_id = item.event_id if len(named) == 1 else part_of(item.event_id, f"shipment={reference.shipment_id}")
        places = {
            "": item.place,
            "/id": f"{item.place}/eventID",
            "/time": f"{item.place}/eventTime",
            "/data/shipment_id": reference.pointer,
            "/data/reason": f"{item.place}/bizStep",
            **({"/data/location": where[1]} if where else {}),
        }
        yield Made(make(item, event_id, item.time, data), reference.shipment_id, places)


def _contrary(item: Item) -> Flaw | None:
    if item.event["action"] == "DELETE":
        kind = item.names.word("event", str(item.event["type"]))
        return Flaw(pointer=f"{item.place}/action", detail=_DELETE[kind])
    word = item.names.word("disposition", str(item.event.get("disposition", "")))
    if word in CONTRARY:
        return Flaw(pointer=f"{item.place}/disposition", detail=f"{word} {CONTRARY[word]}")
    return None


def _elsewhere(item: Item, row: Row) -> Flaw | None:
    """Return that a step happened elsewhere than where its end of the journey is, if an event says both."""
    if row.end is None:
        return None
    ends = {
        site(str(end[row.end]))
        for end, _ in members(item.event, f"{row.end}List", item.place)
        if item.names.word("party", str(end.get("type"))) == "location" and row.end in end
    }
    here = {site(uri): pointer for uri, pointer in _locations(item)}
    if not ends or not here or ends & here.keys():
        return None
    return Flaw(pointer=next(iter(here.values())), detail=_STOP.format(end=row.end))


def _location(item: Item) -> tuple[str, str] | None:
    return next(_locations(item), None)


def _locations(item: Item) -> Iterator[tuple[str, str]]:
    """Yield where an event happened, the nearest first, and where that is told."""
    for field in _AT:
        told = item.event.get(field)
        uri = told.get("id") if isinstance(told, dict) else None
        if is_text(uri):
            yield uri, f"{item.place}/{field}/id"
