"""Events of DCSA Track & Trace 3.0 become milestones by the table, and what does not is named."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.dcsa import table
from services.ingest.domain.formats.dcsa.feedback import feedback, json_path
from services.ingest.domain.formats.dcsa.version3 import translate
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.reading import Accepted, Limits, read_structured
from shared.cloudevents import write

LIMITS = Limits(event_bytes=10**6, batch_bytes=10**6, batch_items=9, is_clock_taken=False)


def event(kind: str = "TRANSPORT", code: str = "DEPA", **over: Any) -> dict[str, Any]:
    told = {"eventTypeCode": kind, "eventClassifierCode": "ACT", table.SUBTYPES.get(kind, "x"): code}
    return {
        "eventRouting": {"originatingParty": {"partyCode": "EX CO", "codeListProvider": "SMDG", "codeListName": "LCL"}},
        "eventID": "evt-1",
        "eventDateTime": "2026-01-20T12:30:00+01:00",
        "eventLocation": {"UNLocationCode": "CNSHA"},
        "eventClassification": told,
        "shipmentDetails": {"documentReference": {"typeCode": "BKG", "reference": "ABC709951"}},
        **over,
    }


def one(told: object) -> Translation:
    given_ = translate({"events": [told]})
    assert isinstance(given_, list)
    (found,) = given_
    for made in found.events:
        assert isinstance(read_structured(write(made), LIMITS), Accepted)
    return found


def fits(row: table.Row) -> dict[str, Any]:
    """Return an event that the row is about."""
    told = event(row.kind, row.code)
    for path, value in row.needs:
        holder, name = path.split("/")
        told.setdefault(holder, {})[name] = value
    return told


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.code)
def test_every_row_makes_its_milestone(row: table.Row) -> None:
    (made,) = one(fits(row)).events
    assert (made.type, made.source, made.id) == (row.milestone.TYPE, "urn:lanewatch:dcsa:SMDG:LCL:EX%20CO", "evt-1")
    assert (made.data.shipment_id, made.data.location) == ("ABC709951", "CNSHA")
    assert made.time.isoformat() == "2026-01-20T11:30:00+00:00"


@pytest.mark.parametrize("row", [row for row in table.ROWS if row.needs], ids=lambda row: row.code)
def test_without_what_it_needs_it_makes_none_and_says_why(row: table.Row) -> None:
    for path, value in row.needs:
        holder, name = path.split("/")
        for other in (None, f"not {value}"):
            told = fits(row)
            told[holder][name] = other
            found = one(told)
            assert (found.events, found.fault) == ((), None)
            assert [flaw.pointer for flaw in found.unmapped] == [f"/events/0/{path}"]


def test_a_port_on_the_way_makes_no_milestone() -> None:
    told = event()
    told["shipmentDetails"]["shipmentLocationType"] = "TSP"
    assert one(told).unmapped[0].pointer == "/events/0/shipmentDetails/shipmentLocationType"


@pytest.mark.parametrize("classifier", ["EST", "PLN", "REQ", None, 1])
def test_only_what_happened_makes_a_milestone(classifier: object) -> None:
    told = event()
    told["eventClassification"]["eventClassifierCode"] = classifier
    assert one(told).events == ()
    assert one(told).unmapped


@pytest.mark.parametrize("kind, code", [*table.OTHER_CODES, ("SHIPMENT", "CONF"), ("IOT", "MEAS"), ("REEFER", "MEAS")])
def test_other_codes_are_named(kind: str, code: str) -> None:
    found = one(event(kind, code))
    assert (found.events, found.fault, len(found.unmapped)) == ((), None, 1)


def test_the_exporters_own_number_names_the_shipment_before_the_carriers() -> None:
    told = event()
    told["shipmentDetails"]["shipmentReferences"] = [
        {"typeCode": "SI", "reference": "S-1"},
        {"typeCode": "CSI", "reference": "C-1"},
    ]
    assert one(told).events[0].data.shipment_id == "C-1"


def test_a_retraction_takes_back_the_very_event() -> None:
    (made,) = one(event()).events
    told = event(isRetracted=True, eventUpdatedDateTime="2026-02-01T00:00:00Z", reason="wrong vessel")
    (taken_back,) = one(told).events
    assert taken_back.type == "trade.event.retracted"
    assert (taken_back.data.source, taken_back.data.id) == (made.source, made.id)
    assert taken_back.data.entity == f"shipment:{made.data.shipment_id}"
    assert taken_back.id != made.id


def test_a_retraction_that_names_no_shipment_is_refused() -> None:
    fault = one({"eventID": "evt-1", "isRetracted": True}).fault
    assert fault
    assert fault.errors[0].pointer == "/events/0/shipmentDetails"


@pytest.mark.parametrize(
    "over, pointer",
    [
        ({"eventID": ""}, "/events/0/eventID"),
        ({"eventID": "x" * 300}, "/events/0/eventID"),
        ({"eventDateTime": "2026-01-20"}, "/events/0/eventDateTime"),
        ({"eventClassification": None}, "/events/0/eventClassification/eventTypeCode"),
        (
            {"eventClassification": {"eventTypeCode": "TRANSPORT"}},
            "/events/0/eventClassification/transportEventTypeCode",
        ),
        ({"eventLocation": {"UNLocationCode": "\x07"}}, "/events/0/eventLocation/UNLocationCode"),
        (
            {"shipmentDetails": {"documentReference": {"typeCode": "BKG", "reference": "\x07"}}},
            "/events/0/shipmentDetails/documentReference/reference",
        ),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(over: dict[str, Any], pointer: str) -> None:
    fault = one(event(**over)).fault
    assert fault
    assert fault.errors[0].pointer == pointer


@pytest.mark.parametrize("tree", [None, [], {}, {"events": {}}, "x", 1])
def test_what_is_no_list_of_events_is_a_fault(tree: object) -> None:
    assert isinstance(translate(tree), Fault)


def test_feedback_says_how_bad_and_where() -> None:
    given_ = translate({"events": [event(transportDetails={}), event("SHIPMENT", "CONF"), {}]})
    assert isinstance(given_, list)
    elements = feedback(given_, []).feedback_elements
    assert [(element.severity, element.property_path) for element in elements] == [
        ("INFO", "$.events[0].transportDetails"),
        ("WARN", "$.events[1].eventClassification.shipmentEventTypeCode"),
        ("ERROR", "$.events[2].eventID"),
    ]


def test_pointers_become_paths() -> None:
    assert json_path("/events/2/a b/~1~0'") == "$.events[2]['a b']['/~\\'']"


NAMES = [*event(), "typeCode", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["ACT", "TRANSPORT", "DEPA"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*event(), "typeCode", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from(list(event())), JSON), max_size=3), st.sampled_from(table.ROWS))
def test_no_change_of_an_event_breaks_its_reading(changes: list[tuple[str, Any]], row: table.Row) -> None:
    told = copy.deepcopy(fits(row))
    for name, value in changes:
        told[name] = value
    found = one(told)
    assert bool(found.fault) + bool(found.events) <= 1
    assert found.fault or found.events or found.unmapped
