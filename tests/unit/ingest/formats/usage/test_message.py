"""A message about licences gives a list or a fault, whatever stands in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.message import translate
from services.ingest.domain.formats.usage.table import ACTIONS, CONTROLS, KINDS, NOT_MASSES, STATES, UNITS
from services.ingest.domain.json_text import parse
from shared.cloudevents import write
from tests.unit.ingest.formats.epcis.changed import changed, check

FOLDER = Path(__file__).parents[4] / "contract" / "ingest" / "examples" / "usage"
SPOKEN = ("line_number", "replaces", *ACTIONS, *CONTROLS, *KINDS, *STATES, *UNITS, *NOT_MASSES, "20260630", "1.0")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(("", "siel", "open", "1.5", "2026-06-02")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(("licence", "licences", "goods", "x")), inner),
)


def example(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def read(message: Any, **over: Any) -> list[Translation]:
    translations = translate(parse(json.dumps(message).encode()), **over)
    assert isinstance(translations, list)
    return translations


@given(changed(FOLDER, SPOKEN))
def test_any_change_of_a_message_gives_events_of_the_contract_or_says_where_it_is_wrong(body: bytes) -> None:
    tree = parse(body)
    if not isinstance(tree, Fault):
        check(translate(tree), tree)


@given(JSON)
def test_any_json_gives_a_list_or_a_fault(tree: Any) -> None:
    check(translate(tree), tree)


@given(changed(FOLDER, SPOKEN))
def test_what_is_sent_twice_gives_the_same_bytes_twice(body: bytes) -> None:
    first, second = (translate(parse(body)) for _ in range(2))
    assert written(first) == written(second)


def written(translations: list[Translation] | Fault) -> list[bytes]:
    return [] if isinstance(translations, Fault) else [write(each) for item in translations for each in item.events]


@pytest.mark.parametrize("unit", [*UNITS, *NOT_MASSES])
def test_every_unit_is_a_mass_or_noted(unit: str) -> None:
    message = example("usage-first")
    message["licences"][0]["goods"][0] |= {"unit": unit, "usage": 17_000}
    (translation,) = read(message)
    assert bool(translation.events) is (unit in UNITS)
    assert translation.fault is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_licence_is_one_of_ours(kind: str) -> None:
    message = example("licence-insert")
    message["licence"]["type"] = kind
    (made,) = read(message)[0].events
    assert made.data.kind == KINDS[kind]


def test_totals_come_after_what_they_replace_and_before_the_end_of_their_licence() -> None:
    message = example("usage-later")
    message["licences"][0] |= {"action": "surrender", "completion_date": "20260701"}
    assert [made.type.rpartition(".")[2] for made in read(message)[0].events] == [
        "retracted",
        "use_brought_forward",
        "surrendered",
    ]


@pytest.mark.parametrize("replaces", ["", 7, 1.5, [], "1e5a4fd0-e581-4efd-9770-ac68e04852d2"])
def test_a_report_replaces_another_one_or_none(replaces: Any) -> None:
    (translation,) = read({**example("usage-first"), "replaces": replaces})
    assert translation.fault
    assert [flaw.pointer for flaw in translation.fault.errors] == ["/replaces"]


@pytest.mark.parametrize("field", ["usage_data_id", "created_at"])
def test_a_report_without_name_or_time_is_refused(field: str) -> None:
    message = example("usage-first")
    del message[field]
    fault = translate(message)
    assert isinstance(fault, Fault)
    assert [flaw.pointer for flaw in fault.errors] == [f"/{field}"]


def test_ids_of_two_reports_cannot_meet() -> None:
    fault = translate({**example("usage-first"), "usage_data_id": "a/b"})
    assert isinstance(fault, Fault)


def test_the_end_of_a_licence_must_not_come_before_its_beginning() -> None:
    message = example("licence-insert")
    message["licence"]["end_date"] = "2026-06-01"
    fault = read(message)[0].fault
    assert fault
    assert [flaw.pointer for flaw in fault.errors] == ["/licence/end_date"]


def test_a_licence_of_one_day_is_one() -> None:
    message = example("licence-insert")
    message["licence"]["end_date"] = message["licence"]["start_date"]
    assert len(read(message)[0].events) == 1


def test_an_update_of_the_same_reference_amends_it() -> None:
    message = example("licence-update")
    message["licence"]["old_reference"] = message["licence"]["reference"]
    assert [made.type for made in read(message)[0].events] == ["trade.licence.amended"]


def test_two_changes_of_a_licence_have_names_of_their_own() -> None:
    first = example("licence-replace")
    second = example("licence-replace")
    second["licence"]["created_at"] = "2026-07-02T00:00:00Z"
    assert read(first)[0].events[0].id != read(second)[0].events[0].id


def test_two_lines_cannot_have_one_number() -> None:
    message = example("licence-units")
    message["licence"]["goods"][1]["line_number"] = 1
    fault = read(message)[0].fault
    assert fault
    assert [flaw.pointer for flaw in fault.errors] == ["/licence/goods/1/line_number"]


def test_a_standard_licence_without_a_quantity_is_refused_and_not_unlimited() -> None:
    message = example("licence-insert")
    del message["licence"]["goods"][0]["quantity"]
    fault = read(message)[0].fault
    assert fault
    assert [flaw.pointer for flaw in fault.errors] == ["/licence/goods/0/quantity"]


def test_source_and_authority_are_what_it_is_called_with() -> None:
    (made,) = read(example("licence-insert"), source="urn:example:licensing", authority="OGD")[0].events
    assert (made.source, made.data.authority) == ("urn:example:licensing", "OGD")
