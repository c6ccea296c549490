"""What the documents say of imports is what imports do."""

import re
from pathlib import Path

from services.licensing.importing.columns import COLUMNS
from services.licensing.importing.events import MAX_DATA_BYTES
from services.licensing.importing.register import read_register
from shared.kafka import MAX_RECORD_BYTES

DOCS = Path(__file__).parents[3] / "docs" / "licensing"


def test_the_table_of_columns_is_complete_and_in_order() -> None:
    table = re.compile(r"^\| `(\w+)` \|([^|]*)\| (licence|line) \|", re.MULTILINE)
    rows = table.findall((DOCS / "import.md").read_text("utf-8"))
    assert [(name, needed.strip() == "yes", of) for name, needed, of in rows] == [
        (column.name, column.is_required, column.of) for column in COLUMNS
    ]


def test_the_example_has_no_fault() -> None:
    found = read_register((DOCS / "register-example.csv").read_bytes())
    assert found.faults == ()
    assert [licence.terms.kind for licence in found.licences] == ["individual", "general", "single_use", "certificate"]
    assert [len(licence.openings) for licence in found.licences] == [2, 0, 0, 0]


def test_what_an_import_lets_pass_kafka_takes() -> None:
    attributes = 4096
    assert MAX_DATA_BYTES + attributes < MAX_RECORD_BYTES
