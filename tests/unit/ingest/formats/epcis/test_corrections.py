"""An error declaration takes back what its event had given, and nothing else."""

from typing import Any

import pytest

from tests.unit.ingest.formats.epcis.documents import DESPATCH, document, event, one, read

WRONG = {
    "declarationTime": "2026-03-05T10:00:00+01:00",
    "reason": "incorrect_data",
    "correctiveEventIDs": ["urn:uuid:9"],
}
TWO = [DESPATCH, {**DESPATCH, "bizTransaction": "urn:example:2"}]
DECLARATION = {
    "shipment_id": DESPATCH["bizTransaction"],
    "exporter": "E",
    "consignee": "C",
    "origin": "CN",
    "destination": "DE",
    "lines": [{"line_no": 1, "commodity": {"hs": "850511"}, "net_mass": {"value": 12.5}}],
}
CONTEXT = {"lw": "urn:lanewatch:epcis:"}


@pytest.mark.parametrize(
    "told",
    [
        event(),
        event(eventID=None),
        event(bizTransactionList=TWO),
        event(eventID=None, bizTransactionList=TWO, recordTime="2026-03-01T12:00:00Z"),
        event("packing", **{"@context": CONTEXT, "lw:declaration": DECLARATION}),
        event("shipping", **{"@context": CONTEXT, "lw:declaration": DECLARATION}),
    ],
)
def test_each_event_that_was_made_is_taken_back_by_its_name(told: dict[str, Any]) -> None:
    made, back = one(told).events, one({**told, "errorDeclaration": WRONG, "recordTime": "2026-03-06T00:00:00Z"}).events
    assert made
    assert [(each.type, each.data.source, each.data.id) for each in back] == [
        ("trade.event.retracted", each.source, each.id) for each in made
    ]
    assert [each.data.entity for each in back] == [f"shipment:{each.data.shipment_id}" for each in made]
    assert not {each.id for each in made} & {each.id for each in back}


def test_a_retraction_says_when_and_why_and_what_corrects_it() -> None:
    (back,) = one(event(errorDeclaration=WRONG)).events
    assert back.time.isoformat() == "2026-03-05T09:00:00+00:00"
    assert back.data.reason == "EPCIS error declaration: incorrect_data; corrected by urn:uuid:9"


def test_many_corrections_are_counted_in_the_reason() -> None:
    (back,) = one(event(errorDeclaration={**WRONG, "correctiveEventIDs": [f"urn:{i}" for i in range(12)]})).events
    assert back.data.reason.endswith("urn:9 and 2 more")


def test_an_event_that_corrects_another_is_an_event_of_its_own() -> None:
    given = read(document(event(), event(errorDeclaration=WRONG), event(eventID="urn:uuid:9")))
    assert isinstance(given, list)
    assert [each.type for item in given for each in item.events] == [
        "trade.shipment.departed",
        "trade.event.retracted",
        "trade.shipment.departed",
    ]


def test_taking_back_what_gave_nothing_is_noted() -> None:
    given = one(event("packing", errorDeclaration=WRONG))
    assert given.events == ()
    assert f"{given.pointer}/errorDeclaration" in [note.pointer for note in given.unmapped]


@pytest.mark.parametrize(
    "told, where",
    [
        (7, ""),
        ({}, "/declarationTime"),
        ({**WRONG, "declarationTime": "2026-03-05"}, "/declarationTime"),
        ({**WRONG, "reason": 1}, "/reason"),
        ({**WRONG, "correctiveEventIDs": [1.5]}, "/correctiveEventIDs"),
        ({**WRONG, "declarationTime": "9999-12-31T23:59:59-08:00"}, "/declarationTime"),
        ({**WRONG, "correctiveEventIDs": ["x" * 3000]}, "/reason"),
    ],
)
def test_an_unsound_error_declaration_is_refused_where_it_is_wrong(told: Any, where: str) -> None:
    given = one(event(errorDeclaration=told))
    assert given.fault
    assert [flaw.pointer for flaw in given.fault.errors] == [f"{given.pointer}/errorDeclaration{where}"]
