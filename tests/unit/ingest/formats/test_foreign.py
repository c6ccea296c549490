"""A message of very many small things is refused before any of it is read: a few megabytes hold millions."""

import tracemalloc
from typing import Any

import pytest

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.dcsa import version3
from services.ingest.domain.formats.epcis import document
from services.ingest.domain.formats.usage import message
from tests.unit.ingest.formats.epcis.documents import document as epcis
from tests.unit.ingest.formats.epcis.documents import event

MANY: list[Any] = [{}] * 100_000
SENT = {"usage_data_id": "a", "created_at": "2026-01-01T00:00:00Z", "replaces": None}
USED = {"reference": "A", "action": "open"}
NAMES = [{"type": "bol", "bizTransaction": f"urn:example:{number}"} for number in range(1001)]


@pytest.mark.parametrize(
    "translate, tree",
    [
        (version3.translate, {"events": MANY}),
        (document.translate, epcis(*MANY)),
        (message.translate, {**SENT, "licences": MANY}),
        (message.translate, {**SENT, "licences": [{**USED, "goods": MANY}]}),
        (message.translate, {"licence": {"reference": "A", "action": "insert", "goods": MANY}}),
    ],
    ids=["dcsa", "epcis", "licences", "used goods", "licensed goods"],
)
def test_too_many_items_are_refused_before_they_are_read(translate: Any, tree: Any) -> None:
    tracemalloc.start()
    try:
        fault = translate(tree)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(fault, Fault)
    assert (fault.status, "100000" in fault.detail) == (413, True)
    assert most < 1_000_000


@pytest.mark.parametrize(
    "translate, tree, pointer",
    [
        (
            message.translate,
            {"licence": {"reference": "A", "action": "insert", "countries": MANY}},
            "/licence/countries",
        ),
        (
            message.translate,
            {"licence": {"reference": "A", "action": "insert", "goods": [{"control_list_entries": MANY}]}},
            "/licence/goods/0/control_list_entries",
        ),
        (document.translate, epcis(event(bizTransactionList=NAMES)), None),
    ],
    ids=["countries", "ratings", "shipments"],
)
def test_too_much_of_one_thing_is_one_fault(translate: Any, tree: Any, pointer: str | None) -> None:
    (translation,) = translate(tree)
    pointers = [flaw.pointer for flaw in translation.fault.errors]
    assert len(pointers) < 20
    assert (pointer or "/epcisBody/eventList/0/bizTransactionList/1000/bizTransaction") in pointers
