"""An EPCIS document gives a list or a fault, whatever stands in it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.epcis.document import translate
from services.ingest.domain.formats.epcis.table import BY_STEP, CONTRARY
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.json_text import parse
from shared.cloudevents import write
from tests.unit.ingest.formats.epcis.changed import changed, check
from tests.unit.ingest.formats.epcis.documents import document, event, one, read

FOLDER = Path(__file__).parents[4] / "contract" / "ingest" / "examples" / "epcis"
SPOKEN = ("bizStep", "errorDeclaration", "@context", "id", *BY_STEP, *CONTRARY, "DELETE", "TransactionEvent", "desadv")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(("type", "epcisBody", "eventList", "x")), inner),
)


@given(changed(FOLDER, SPOKEN))
def test_any_change_of_a_document_gives_events_of_the_contract_or_says_where_it_is_wrong(body: bytes) -> None:
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


def written(given: list[Translation] | Fault) -> list[bytes]:
    return [] if isinstance(given, Fault) else [write(each) for item in given for each in item.events]


@pytest.mark.parametrize(
    "tree", [None, 7, "EPCISDocument", [], [event()], {}, {"type": 1.5}, {"type": "EPCISDocument"}]
)
def test_what_is_no_document_is_a_fault(tree: Any) -> None:
    assert isinstance(read(tree), Fault)


@pytest.mark.parametrize("version", ["1.2", "3.0", "2.", "", 2, 2.5e1, 1.2, None])
def test_another_version_of_the_standard_is_a_fault(version: Any) -> None:
    fault = read(document(event(), schemaVersion=version))
    assert isinstance(fault, Fault)
    assert [flaw.pointer for flaw in fault.errors] == ["/schemaVersion"]


@pytest.mark.parametrize("version", ["2.0", "2.0.0", "2.0.1", "2.1", 2.0])
def test_every_second_version_is_read(version: Any) -> None:
    assert isinstance(read(document(event(), schemaVersion=version)), list)


def test_document_without_events_gives_an_empty_list() -> None:
    assert read(document()) == []


def test_the_source_is_what_it_is_called_with() -> None:
    given = translate(document(event()), "urn:example:warehouse")
    assert isinstance(given, list)
    assert given[0].events[0].source == "urn:example:warehouse"
    assert one(event()).events[0].source == "urn:lanewatch:epcis"
