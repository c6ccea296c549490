"""Events of DCSA Track & Trace 2.2 become milestones by the table, and what does not is named."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.dcsa.table import Row
from services.ingest.domain.formats.dcsa.version2 import table
from services.ingest.domain.formats.dcsa.version2.events import translate
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.reading import Accepted, Limits, read_structured
from shared.cloudevents import write

LIMITS = Limits(event_bytes=10**6, batch_bytes=10**6, batch_items=9, is_clock_taken=False)


def event(kind: str = "TRANSPORT", code: str = "DEPA", **over: Any) -> dict[str, Any]:
    return {
        "eventID": "3cecb101-7a1a-43a4-9d62-e88a131651e2",
        "eventCreatedDateTime": "2025-05-06T04:02:00Z",
        "eventType": kind,
        "eventClassifierCode": "ACT",
        "eventDateTime": "2025-05-06T12:00:00+08:00",
        table.SUBTYPES.get(kind, "x"): code,
        "transportCall": {"transportCallID": "tc-1", "UNLocationCode": "CNSHA", "modeOfTransport": "VESSEL"},
        "documentReferences": [{"documentReferenceType": "BKG", "documentReferenceValue": "ABC709951"}],
        **over,
    }


def one(told: object) -> Translation:
    given_ = translate([told])
    assert isinstance(given_, list)
    (found,) = given_
    for made in found.events:
        assert isinstance(read_structured(write(made), LIMITS), Accepted)
    return found


def put(told: dict[str, Any], path: str, value: object) -> None:
    *holders, name = path.split("/")
    for holder in holders:
        told = told.setdefault(holder, {})
    told[name] = value


def fits(row: Row) -> dict[str, Any]:
    """Return an event that the row is about."""
    told = event(row.kind, row.code)
    for path, value in row.needs:
        put(told, path, value)
    return told


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.code)
def test_every_row_makes_its_milestone(row: Row) -> None:
    told = fits(row)
    (made,) = one(told).events
    assert (made.type, made.source, made.id) == (row.milestone.TYPE, "urn:lanewatch:dcsa", told["eventID"])
    assert (made.data.shipment_id, made.data.location) == ("ABC709951", "CNSHA")
    assert made.time.isoformat() == "2025-05-06T04:00:00+00:00"


@pytest.mark.parametrize("row", [row for row in table.ROWS if row.needs or row.only], ids=lambda row: row.code)
def test_the_contrary_makes_none_and_says_why(row: Row) -> None:
    for path, *_ in (*row.needs, *row.only):
        told = fits(row)
        put(told, path, "ANOTHER")
        found = one(told)
        assert (found.events, found.fault) == ((), None)
        assert [flaw.pointer for flaw in found.unmapped] == [f"/0/{path}"]


def test_a_truck_or_train_that_leaves_is_not_the_departure() -> None:
    told = event()
    told["transportCall"]["modeOfTransport"] = "TRUCK"
    assert one(told).unmapped[0].pointer == "/0/transportCall/modeOfTransport"


@pytest.mark.parametrize("classifier", ["EST", "PLN", "REQ", None, 1])
def test_only_what_happened_makes_a_milestone(classifier: object) -> None:
    found = one(event(eventClassifierCode=classifier))
    assert found.events == ()
    assert found.unmapped[0].pointer == "/0/eventClassifierCode"


@pytest.mark.parametrize("kind, code", [*table.OTHER_CODES, ("SHIPMENT", "CONF"), ("EQUIPMENT", "STUF")])
def test_other_codes_are_named(kind: str, code: str) -> None:
    found = one(event(kind, code))
    assert (found.events, found.fault, len(found.unmapped)) == ((), None, 1)


def test_what_is_not_handed_on_is_named() -> None:
    found = one(event(delayReasonCode="WEA", changeRemark="storm"))
    assert {flaw.pointer for flaw in found.unmapped} == {"/0/transportCall", "/0/delayReasonCode", "/0/changeRemark"}


def test_the_older_name_of_the_code_is_read() -> None:
    told = event(eventTypeCode="DEPA")
    del told["transportEventTypeCode"]
    assert one(told).events[0].type == "trade.shipment.departed"


def test_the_shippers_own_number_names_the_shipment_before_the_carriers() -> None:
    told = event(
        references=[{"referenceType": "FF", "referenceValue": "F"}, {"referenceType": "SI", "referenceValue": "S-1"}]
    )
    assert one(told).events[0].data.shipment_id == "S-1"
    told["references"].append({"referenceType": "CSI", "referenceValue": "C-1"})
    assert one(told).events[0].data.shipment_id == "C-1"


def test_the_document_of_a_booking_names_the_shipment() -> None:
    told = event("SHIPMENT", "HOLD", documentTypeCode="BKG", documentID="B-1", reason="customs")
    del told["documentReferences"]
    (made,) = one(told).events
    assert (made.data.shipment_id, made.data.reason) == ("B-1", "customs")
    told["documentTypeCode"] = "TRD"
    assert one(told).events == ()
    assert "names no shipment" in one(told).unmapped[0].detail


def test_an_event_without_an_id_has_one_that_follows_from_what_it_says() -> None:
    told = event()
    del told["eventID"]
    later = {**told, "eventCreatedDateTime": "2025-05-07T00:00:00Z"}
    other = {**told, "eventDateTime": "2025-05-06T13:00:00+08:00"}
    first, again, another = (one(each).events[0].id for each in (told, later, other))
    assert first == again != another


def test_a_retraction_takes_back_the_very_event() -> None:
    (made,) = one(event()).events
    told = event(eventID="r-1", retractedEventID=made.id, reason="wrong vessel")
    (taken_back,) = one(told).events
    assert taken_back.type == "trade.event.retracted"
    assert (taken_back.data.source, taken_back.data.id, taken_back.id) == (made.source, made.id, "r-1")
    assert taken_back.data.entity == f"shipment:{made.data.shipment_id}"


@pytest.mark.parametrize(
    "over, pointer",
    [
        ({"eventID": ""}, "/0/eventID"),
        ({"eventID": 7}, "/0/eventID"),
        ({"eventID": "x" * 300}, "/0/eventID"),
        ({"eventDateTime": "2025-05-06T12:00:00"}, "/0/eventDateTime"),
        ({"eventDateTime": None}, "/0/eventDateTime"),
        ({"eventType": "OPERATIONS"}, "/0/eventType"),
        ({"transportEventTypeCode": None}, "/0/transportEventTypeCode"),
        ({"transportCall": {"modeOfTransport": "VESSEL", "UNLocationCode": "\x07"}}, "/0/transportCall/UNLocationCode"),
        ({"references": [{"referenceType": "SI", "referenceValue": "\x07"}]}, "/0/references/0/referenceValue"),
        ({"retractedEventID": 7}, "/0/retractedEventID"),
        ({"retractedEventID": "e", "documentReferences": []}, "/0"),
        ({"retractedEventID": "e", "eventCreatedDateTime": "now"}, "/0/eventCreatedDateTime"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(over: dict[str, Any], pointer: str) -> None:
    fault = one(event(**over)).fault
    assert fault
    assert fault.errors[0].pointer == pointer


@pytest.mark.parametrize("tree", [None, {}, {"events": []}, "x", 1])
def test_what_is_no_list_of_events_is_a_fault(tree: object) -> None:
    assert isinstance(translate(tree), Fault)


def test_an_event_that_is_none_is_named() -> None:
    fault = one("x").fault
    assert fault
    assert fault.errors[0].pointer == "/0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["ACT", "TRANSPORT", "DEPA"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*event(), "UNLocationCode"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from([*event(), "eventID"]), JSON), max_size=3), st.sampled_from(table.ROWS))
def test_no_change_of_an_event_breaks_its_reading(changes: list[tuple[str, Any]], row: Row) -> None:
    told = copy.deepcopy(fits(row))
    for name, value in changes:
        told[name] = value
    found = one(told)
    assert bool(found.fault) + bool(found.events) <= 1
    assert found.fault or found.events or found.unmapped
