"""The published JSON Schema says the same as the code: about examples, and about what is wrong with events."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared import contract
from shared.cloudevents import read_alert, read_trade_event
from shared.errors import PermanentError
from shared.events import OUT_TYPES, TRADE_TYPES
from shared.examples import alert_event, trade_event

SCHEMA = json.loads((contract.FOLDER / "events.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLES = {**{kind: trade_event(kind) for kind in TRADE_TYPES}, **{kind: alert_event(kind) for kind in OUT_TYPES}}


def is_read(event: Any) -> bool:
    body = json.dumps(event).encode()
    try:
        read_alert(body) if event.get("type") in OUT_TYPES else read_trade_event(body)
    except PermanentError:
        return False
    return True


def changed(kind: str, change: Callable[[Any], object]) -> Any:
    event = json.loads(json.dumps(EXAMPLES[kind]))
    change(event)
    return event


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_committed_documents_are_current() -> None:
    assert contract.stale() == []


def test_every_type_has_an_example_in_the_document() -> None:
    assert set(EXAMPLES) <= set(SCHEMA["$defs"])
    for kind, example in EXAMPLES.items():
        assert SCHEMA["$defs"][kind]["examples"] == [example]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_example_is_valid_and_is_read(kind: str) -> None:
    example = EXAMPLES[kind]
    VALIDATOR.validate(example)
    assert is_read(example)
    own = Draft202012Validator({**SCHEMA, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})
    assert own.is_valid(example)


SHIPMENT = "trade.shipment.declared"
NO_IDS: tuple[object, ...] = ("", 7, None, "x" * 257, "a\0", "a\n")
NO_MASSES: tuple[object, ...] = (-1, "-1", "much", "", "NaN", "0x10", True, None, [])
LICENCE = "trade.licence.issued"
BOTH_REFUSE: list[tuple[str, Callable[[Any], object]]] = [
    *[(SHIPMENT, lambda e, name=name: e.pop(name)) for name in ("specversion", "id", "source", "type", "time", "data")],
    *[(SHIPMENT, lambda e, value=value: e.update(id=value)) for value in NO_IDS],
    (SHIPMENT, lambda e: e.update(source="/a b")),
    (SHIPMENT, lambda e: e.update(specversion="0.3")),
    (SHIPMENT, lambda e: e.update(type="trade.shipment.lost")),
    (SHIPMENT, lambda e: e.update(time=5)),
    (SHIPMENT, lambda e: e.update(data=[])),
    (SHIPMENT, lambda e: e.update(subject=5)),
    *[(SHIPMENT, lambda e, name=name: e["data"].pop(name)) for name in ("shipment_id", "exporter", "lines", "origin")],
    (SHIPMENT, lambda e: e["data"].update(unknown=1)),
    (SHIPMENT, lambda e: e["data"].update(origin="China")),
    (SHIPMENT, lambda e: e["data"].update(lines=[])),
    (SHIPMENT, lambda e: e["data"].update(lines=e["data"]["lines"] * 201)),
    (SHIPMENT, lambda e: e["data"]["lines"][0].update(line_no=0)),
    (SHIPMENT, lambda e: e["data"]["lines"][0].update(line_no="1")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["commodity"].update(hs="8505.11")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["commodity"].update(form="lump")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["commodity"].update(elements=["dysprosium"])),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["value"].update(currency="Euro")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["value"].update(amount=86000.0)),
    *[(SHIPMENT, lambda e, value=value: e["data"]["lines"][0]["net_mass"].update(value=value)) for value in NO_MASSES],
    (SHIPMENT, lambda e: e["data"]["lines"][0]["net_mass"].update(unit="LBR")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["net_mass"].pop("value")),
    (LICENCE, lambda e: e["data"].update(kind="forever")),
    (LICENCE, lambda e: e["data"].update(destinations=[])),
    ("lanewatch.lane.changed", lambda e: e["data"].update(state="closed")),
    ("lanewatch.lane.changed", lambda e: e["data"].pop("scope")),
    ("lanewatch.decision.held", lambda e: e["data"].update(reasons="many")),
]


@pytest.mark.parametrize("kind, change", BOTH_REFUSE)
def test_bad_event_is_refused_by_schema_and_code(kind: str, change: Callable[[Any], object]) -> None:
    event = changed(kind, change)
    assert not VALIDATOR.is_valid(event)
    assert not is_read(event)


BOTH_TAKE: list[tuple[str, Callable[[Any], object]]] = [
    (SHIPMENT, lambda e: e.update(myext="x", flag=True, n=7)),
    (SHIPMENT, lambda e: e.update(subject=None, partitionkey="SHP-42")),
    (SHIPMENT, lambda e: e["data"].update(end_user=None)),
    (SHIPMENT, lambda e: e["data"]["lines"][0].pop("value")),
    (SHIPMENT, lambda e: e["data"]["lines"][0].update(net_mass={"value": 1.5})),
    (SHIPMENT, lambda e: e["data"]["lines"][0].update(net_mass={"value": "1.2e3", "unit": "GRM"})),
    ("lanewatch.lane.changed", lambda e: e["data"].update(added_later=1)),
    ("lanewatch.licence.expired", lambda e: e["data"].pop("left_kg")),
]


@pytest.mark.parametrize("kind, change", BOTH_TAKE)
def test_good_event_is_taken_by_schema_and_code(kind: str, change: Callable[[Any], object]) -> None:
    event = changed(kind, change)
    VALIDATOR.validate(event)
    assert is_read(event)


BEYOND_A_SCHEMA: list[tuple[str, Callable[[Any], object]]] = [
    (LICENCE, lambda e: e["data"].update(valid_until=e["data"]["valid_from"])),
    (LICENCE, lambda e: e["data"]["lines"].append(e["data"]["lines"][0])),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["net_mass"].update(value="0.0000001")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["net_mass"].update(value="1e30")),
    (SHIPMENT, lambda e: e["data"]["lines"][0]["net_mass"].update(value=0)),
    (SHIPMENT, lambda e: e.update(time="0001-01-01T00:00:00+14:00")),
]


@pytest.mark.parametrize("kind, change", BEYOND_A_SCHEMA)
def test_rule_between_fields_is_kept_by_the_code_alone(kind: str, change: Callable[[Any], object]) -> None:
    event = changed(kind, change)
    assert VALIDATOR.is_valid(event)
    assert not is_read(event)


def test_schema_alone_holds_extensions_to_their_form() -> None:
    """The ingest holds them to it as well (its own tests show that); the reader of the topic lets them pass."""
    for name, value in [("myExt", "x"), ("ext", {}), ("ext", 1.5)]:
        assert not VALIDATOR.is_valid({**EXAMPLES[SHIPMENT], name: value})


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.contract", *arguments], capture_output=True, text=True, check=False, timeout=30
    )


def test_check_passes_on_what_is_committed() -> None:
    done = run("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_what_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contract.write(tmp_path)
    assert contract.stale(tmp_path) == []
    (tmp_path / "asyncapi.json").write_text("{}")
    (tmp_path / "events.schema.json").unlink()
    assert contract.stale(tmp_path) == ["events.schema.json", "asyncapi.json"]
    monkeypatch.setattr(contract, "stale", lambda: ["asyncapi.json"])
    assert contract.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/contract is not current: asyncapi.json. Run: python -m shared.contract\n"


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err
