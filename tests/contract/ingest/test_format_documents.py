"""The documents of foreign formats show what the tables do, row by row, and their examples are taken as they say."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.epcis import document, table
from services.ingest.domain.formats.epcis.capture import problem
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage import message
from services.ingest.domain.formats.usage import table as words
from services.ingest.domain.json_text import parse

DOCS = Path(__file__).parents[3] / "docs" / "ingest"
EPCIS, USAGE = ((DOCS / name).read_text() for name in ("epcis.md", "licence-usage.md"))
ANY_OTHER = "any other"


def rows(text: str, first: str, *heads: str) -> list[tuple[str, ...]]:
    """Return the rows of the table that begins with these heads, without code marks."""
    head = "| " + " | ".join((first, *heads))
    lines = text[text.index(head) :].splitlines()[2:]
    taken = lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in taken]


def plain(cell: str) -> str:
    return cell[1:-1] if re.fullmatch("`[^`]*`", cell) else cell


def pairs(text: str, first: str, *heads: str) -> dict[str, str]:
    return {plain(row[0]): plain(row[1]) for row in rows(text, first, *heads) if row[0] != ANY_OTHER}


def example(text: str) -> Any:
    """Return the body of the curl command."""
    return json.loads(text[text.index("<<'JSON'") :].partition("\n")[2].partition("    JSON")[0])


def test_steps_of_epcis_are_those_of_the_table() -> None:
    shown = [(plain(a), plain(b), c or None, d) for a, b, c, d in rows(EPCIS, "business step", "becomes")]
    assert shown == [(row.step, row.milestone.TYPE, row.end, row.why) for row in table.ROWS]


def test_what_gives_nothing_is_what_the_table_says() -> None:
    assert pairs(EPCIS, "event", "why") == table.EVENT_TYPES
    assert pairs(EPCIS, "business step", "why") == table.OTHER_STEPS
    assert pairs(EPCIS, "disposition") == table.CONTRARY
    assert pairs(EPCIS, "field") == table.FIELDS
    assert rows(EPCIS, "field")[-1] == (ANY_OTHER, table.NO_FIELD)
    assert table.NO_STEP in rows(EPCIS, "business step", "why")[-1][1]


def test_errors_have_the_names_that_the_document_tells() -> None:
    for status, name in pairs(EPCIS, "status").items():
        for each in status.split(", "):
            assert problem(Fault(title="x", status=int(each))).type == name


def taken(given: list[Translation] | Fault) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(given, list)
    assert not any(item.fault for item in given)
    return [(event.type, event.data) for item in given for event in item.events]


def test_the_example_of_epcis_is_what_it_says() -> None:
    ((kind, data),) = taken(document.translate(parse(json.dumps(example(EPCIS)).encode())))
    assert f"`{kind}` of the shipment `{data.shipment_id}`" in EPCIS  # type: ignore[attr-defined]


def test_actions_and_kinds_of_licences_are_those_of_the_table() -> None:
    assert pairs(USAGE, "`action`", "becomes |") == {name: cls.TYPE for name, cls in words.ACTIONS.items()}
    assert pairs(USAGE, "`type`") == words.KINDS


def test_units_are_those_of_the_table() -> None:
    shown = {unit: cell.split(" ") for unit, cell in pairs(USAGE, "`unit`").items()}
    assert {unit: (Decimal(number), ours) for unit, (number, ours) in shown.items()} == {
        name: (Decimal(1).scaleb(unit.exponent), unit.unit) for name, unit in words.UNITS.items()
    }
    sentence = USAGE[USAGE.index("Goods in `NAR`") :].partition(" are ")[0]
    assert tuple(re.findall("`([A-Z]+)`", sentence)) == words.NOT_MASSES


def test_what_a_report_says_of_a_licence_is_what_the_table_says() -> None:
    shown = pairs(USAGE, "`action`", "becomes, after")
    assert shown.keys() == words.STATES.keys()
    for action, cls in words.STATES.items():
        expected = f"`{cls.TYPE}` on" if cls else f"nothing: {words.FOLLOWS[action]}" if action in words.FOLLOWS else ""
        assert shown[action].startswith(expected or "nothing")


def test_the_example_of_usage_is_taken() -> None:
    ((kind, data),) = taken(message.translate(parse(json.dumps(example(USAGE)).encode())))
    assert kind == "trade.licence.use_brought_forward"
    assert data.mass.mg == 17_000_000  # type: ignore[attr-defined]
