"""The messages that DCSA publishes for Track & Trace 3.0 are taken, or not and for the right reason; one by one."""

from pathlib import Path

import msgspec
import pytest

from services.ingest.domain.formats.dcsa import table
from services.ingest.domain.formats.dcsa.version3 import translate

EXAMPLES = Path(__file__).parent / "examples" / "dcsa"
PAGE = (Path(__file__).parents[3] / "docs" / "ingest" / "dcsa.md").read_text()


@pytest.mark.parametrize(
    "name, kinds, reason",
    [
        ("transport", ["trade.shipment.arrived"], "the vessel and its voyage"),
        ("shipment", [], "is no milestone of a shipment"),
        ("equipment", [], "on board, not that it left"),
    ],
)
def test_the_published_examples(name: str, kinds: list[str], reason: str) -> None:
    tree = msgspec.json.decode((EXAMPLES / f"dcsa-tnt-300-request-{name}.json").read_bytes())
    given = translate(tree)
    assert isinstance(given, list)
    (found,) = given
    assert found.fault is None
    assert [event.type for event in found.events] == kinds
    assert reason in found.unmapped[0].detail


def test_the_document_has_the_table() -> None:
    for row in table.ROWS:
        assert f"| {row.kind} `{row.code}` | `{row.milestone.TYPE}` | {row.why}" in PAGE, row.code
    for (kind, code), why in table.OTHER_CODES.items():
        assert f"| {kind} `{code}` | {why} |" in PAGE, code
    for field, code, what in table.REFERENCES:
        assert f"`{field}` with `{code}`: {what}" in PAGE, code
