"""Which events tell of a milestone, of which shipment, and which do not."""

from typing import Any

import pytest

from services.ingest.domain.formats.epcis.places import shipment_number, site
from services.ingest.domain.formats.epcis.table import CONTRARY, EVENT_TYPES, OTHER_STEPS, ROWS, Row
from tests.unit.ingest.formats.epcis.documents import DESPATCH, event, one

SITE = "urn:epc:id:sgln:9521141.07346.0"
DOCK = "urn:epc:id:sgln:9521141.07346.1234"
LINK = "https://id.gs1.org/414/9521141073469/254/9"
ELSEWHERE = "urn:epc:id:sgln:9529999.11111.0"
OURS = {"bizTransaction": "urn:lanewatch:shipment:SHP-42"}
ORDER = {"type": "po", "bizTransaction": "urn:example:po:1"}
LADING = {"type": "bol", "bizTransaction": "urn:example:bol:1"}
SHIPMENT = {"type": "inv", "bizTransaction": "urn:epc:id:gsin:0614141.123456789"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.step)
def test_each_step_of_the_table_is_its_milestone(row: Row) -> None:
    given = one(event(row.step, disposition="in_progress"))
    (made,) = given.events
    assert made.type == row.milestone.TYPE
    assert made.data.shipment_id == DESPATCH["bizTransaction"]
    assert made.data.reason == f"EPCIS {row.step}, in_progress"
    assert made.id == given.name == "urn:uuid:1"
    assert made.time.isoformat() == "2026-03-01T12:33:31+00:00"


@pytest.mark.parametrize("step", [*OTHER_STEPS, "packing", "retail_selling", "urn:example:step", None])
def test_any_other_step_is_noted_and_gives_nothing(step: str | None) -> None:
    given = one(event(step))
    assert given.events == ()
    assert given.fault is None
    assert len(given.unmapped) == 1


@pytest.mark.parametrize("disposition", CONTRARY)
def test_goods_that_do_not_go_to_the_consignee_reach_no_milestone(disposition: str) -> None:
    given = one(event("receiving", disposition=f"https://ref.gs1.org/cbv/Disp-{disposition}"))
    assert given.events == ()
    assert given.unmapped[0].pointer == f"{given.pointer}/disposition"


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_other_kinds_of_events_are_noted_even_where_they_are_unsound(kind: str) -> None:
    given = one({"type": f"https://ref.gs1.org/epcis/{kind}", "eventID": "urn:uuid:7"})
    assert (given.events, given.fault, given.name) == ((), None, "urn:uuid:7")
    assert [note.pointer for note in given.unmapped] == [f"{given.pointer}/type"]


def ends(side: str, where: str) -> dict[str, Any]:
    return {f"{side}List": [{"type": "urn:epcglobal:cbv:sdt:location", side: where}]}


@pytest.mark.parametrize("step, side", [("departing", "source"), ("arriving", "destination")])
@pytest.mark.parametrize("here", [SITE, DOCK, LINK])
@pytest.mark.parametrize("end", [SITE, DOCK, LINK])
def test_a_step_at_its_end_of_the_journey_counts_however_the_place_is_written(
    step: str, side: str, here: str, end: str
) -> None:
    given = one(event(step, readPoint={"id": here}, **ends(side, end)))
    assert len(given.events) == 1
    assert given.events[0].data.location == here


@pytest.mark.parametrize("step, side", [("departing", "source"), ("shipping", "source"), ("receiving", "destination")])
def test_a_stop_on_the_way_is_no_milestone(step: str, side: str) -> None:
    given = one(event(step, readPoint={"id": ELSEWHERE}, **ends(side, SITE)))
    assert given.events == ()
    assert given.unmapped[0].pointer == f"{given.pointer}/readPoint/id"


def test_a_party_of_another_kind_says_nothing_of_where_a_journey_ends() -> None:
    owner = {"destinationList": [{"type": "owning_party", "destination": SITE}]}
    assert one(event("receiving", readPoint={"id": ELSEWHERE}, **owner)).events


def test_a_stop_where_the_location_is_the_destination_counts() -> None:
    told = event("receiving", readPoint={"id": "urn:x:gate"}, bizLocation={"id": SITE}, **ends("destination", LINK))
    assert one(told).events[0].data.location == "urn:x:gate"


@pytest.mark.parametrize(
    "named, shipment_id",
    [
        ([ORDER, LADING, DESPATCH, SHIPMENT, OURS], "SHP-42"),
        ([ORDER, LADING, DESPATCH, SHIPMENT], "06141411234567890"),
        ([ORDER, LADING, DESPATCH], DESPATCH["bizTransaction"]),
        ([ORDER, LADING], "urn:example:bol:1"),
        ([{"type": "urn:epcglobal:cbv:btt:bol", "bizTransaction": "urn:example:bol:2"}], "urn:example:bol:2"),
        ([{"bizTransaction": "https://example.com/402/06141411234567890?x=1"}], "06141411234567890"),
        ([{"bizTransaction": "urn:lanewatch:shipment:A%20b%2Fc"}], "A b/c"),
    ],
)
def test_the_most_particular_name_is_the_shipment(named: list[dict[str, str]], shipment_id: str) -> None:
    (made,) = one(event(bizTransactionList=named)).events
    assert made.data.shipment_id == shipment_id


@pytest.mark.parametrize("named", [[], [ORDER], [{"bizTransaction": "urn:example:1"}], None, [{}], ["x"]])
def test_an_event_that_names_no_shipment_is_noted(named: Any) -> None:
    given = one(event(bizTransactionList=named))
    assert (given.events, given.fault) == ((), None)
    assert "names no shipment" in given.unmapped[0].detail


def test_each_of_several_shipments_has_an_event_of_its_own() -> None:
    other = {**DESPATCH, "bizTransaction": "urn:example:2"}
    given = one(event(bizTransactionList=[DESPATCH, other, DESPATCH]))
    assert [made.data.shipment_id for made in given.events] == [DESPATCH["bizTransaction"], "urn:example:2"]
    assert len({made.id for made in given.events}) == 2


def test_a_shipment_among_the_objects_is_one() -> None:
    told = event(bizTransactionList=None, epcList=["urn:epc:id:sgtin:1.2.3", "urn:epc:id:gsin:0614141.123456789"])
    assert one(told).events[0].data.shipment_id == "06141411234567890"


# The GLN stands in GS1's own examples; the shipment number in its EPC Tag Data Standard.
def test_numbers_have_their_check_digits() -> None:
    assert site("urn:epc:id:sgln:0614141.07346.1234") == "0614141073467"
    assert shipment_number("urn:epc:id:gsin:0614141.123456789") == "06141411234567890"


@pytest.mark.parametrize("uri", ["urn:epc:id:gsin:1.2", "urn:epc:id:gsin:0614141.12345678x", "https://x/402/1", "x"])
def test_what_is_no_shipment_number_is_none(uri: str) -> None:
    assert shipment_number(uri) is None
