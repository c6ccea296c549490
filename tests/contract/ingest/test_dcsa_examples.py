"""The messages that DCSA publishes for Track & Trace 3.0 are taken, or not and for the right reason; one by one."""

from pathlib import Path

import msgspec
import pytest

from services.ingest.api.foreign_documentation import CALLBACK_EXAMPLE
from services.ingest.domain.formats.dcsa import table
from services.ingest.domain.formats.dcsa.version2 import events as version2
from services.ingest.domain.formats.dcsa.version2 import table as table2
from services.ingest.domain.formats.dcsa.version3 import translate

EXAMPLES = Path(__file__).parent / "examples" / "dcsa"
WHOLE = (Path(__file__).parents[3] / "docs" / "ingest" / "dcsa.md").read_text()
PAGE, PAGE_2 = WHOLE.split("# DCSA Track & Trace 2.2")


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


def test_the_document_has_the_table_of_version_2() -> None:
    for row in table2.ROWS:
        assert f"| {row.kind} `{row.code}` | `{row.milestone.TYPE}` | {row.why}" in PAGE_2, row.code
        for path, values in (*row.only, *row.needs):
            assert f"`{path}`" in PAGE_2, path
            assert all(f"`{value}`" in PAGE_2 for value in ([values] if isinstance(values, str) else values))
    for (kind, code), why in table2.OTHER_CODES.items():
        assert f"| {kind} `{code}` | {why} |" in PAGE_2, code
    for field, code, what in table2.REFERENCES:
        assert f"`{field}` with `{code}`: {what}" in PAGE_2, code
    for field in table2.FIELDS:
        assert f"`{field}`" in PAGE_2, field
    shown = {
        line.split("|")[1].strip() for line in PAGE_2.splitlines() if line.startswith(("| TRANSPORT", "| EQ", "| SH"))
    }
    known = {*table2.BY_CODE, *table2.OTHER_CODES}
    assert shown == {f"{kind} `{code}`" for kind, code in known}


def test_the_example_of_a_callback_is_a_milestone() -> None:
    given = version2.translate([CALLBACK_EXAMPLE])
    assert isinstance(given, list)
    (made,) = given[0].events
    assert (made.type, made.data.shipment_id) == ("trade.shipment.departed", "S-1001")
