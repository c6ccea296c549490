"""An event without an id is named by its content, not by how that is written."""

from typing import Any

import pytest

from tests.unit.ingest.formats.epcis.documents import DESPATCH, event, one

OTHER = {**DESPATCH, "bizTransaction": "urn:example:2"}
PLAIN = event(
    eventID=None,
    disposition="in_transit",
    epcList=["urn:a", "urn:b"],
    bizTransactionList=[DESPATCH, OTHER],
    quantityList=[{"epcClass": "urn:c", "quantity": 1.5, "uom": "KGM"}],
)


def named(told: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(made.id for made in one(told).events))


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(PLAIN.items())),
        {**PLAIN, "epcList": ["urn:b", "urn:a"], "bizTransactionList": [OTHER, DESPATCH]},
        {**PLAIN, "eventTime": "2026-03-01T12:33:31.000Z"},
        {**PLAIN, "recordTime": "2026-03-02T00:00:00Z"},
        {**PLAIN, "bizStep": "urn:epcglobal:cbv:bizstep:departing", "disposition": "cbv:Disp-in_transit"},
        {**PLAIN, "type": "epcis:ObjectEvent", "bizStep": "https://ref.gs1.org/cbv/BizStep-departing"},
    ],
)
def test_the_same_event_written_otherwise_has_the_same_name(same: dict[str, Any]) -> None:
    assert named(same) == named(PLAIN)
    assert len(named(same)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {**PLAIN, "eventTime": "2026-03-01T12:33:32Z"},
        {**PLAIN, "eventTimeZoneOffset": "+07:00"},
        {**PLAIN, "epcList": ["urn:a"]},
        {**PLAIN, "epcList": ["urn:a", "urn:b", "urn:b"]},
        {**PLAIN, "readPoint": {"id": "urn:a"}},
        {**PLAIN, "quantityList": [{"epcClass": "urn:c", "quantity": 15, "uom": "KGM"}]},
        {**PLAIN, "quantityList": [{"epcClass": "urn:c", "quantity": "1.5", "uom": "KGM"}]},
    ],
)
def test_another_event_has_another_name(other: dict[str, Any]) -> None:
    assert not set(named(other)) & set(named(PLAIN))


def test_a_name_that_grows_too_long_is_shortened_to_one_of_its_own() -> None:
    told = event(eventID="urn:" + "x" * 240, bizTransactionList=[DESPATCH, OTHER])
    names = named(told)
    assert len(set(names)) == 2
    assert all(len(name) <= 256 for name in names)
    assert named(told) == names


def test_prefixes_of_the_nearer_context_count() -> None:
    context = [{"d": "urn:example:far:"}, {"d": {"@id": "urn:lanewatch:shipment:"}}]
    told = event(bizTransactionList=[{"bizTransaction": "d:SHP-1"}])
    assert one({**told, "@context": context}).events[0].data.shipment_id == "SHP-1"


def test_a_standard_prefix_cannot_be_made_to_mean_something_else() -> None:
    told = event("cbv:BizStep-departing", **{"@context": {"cbv": "urn:example:"}})
    assert one(told).events[0].type == "trade.shipment.departed"
