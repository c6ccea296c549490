"""A mapping is checked when it is written, with the contract's own words, and told all at once."""

from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec
import pytest

from services.ingest.api.sheet_documentation import EXAMPLE
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.checking import TYPES, read_mapping
from services.ingest.domain.formats.sheet.origins import Origin
from shared.events import TRADE_TYPES
from shared.faults import core_type
from tests.support.sheet_reading import mapping_of
from tests.support.sheets import CLEARED, DECLARED, changed, encoded

COLUMN = {"column": "X"}


def pointers(mapping: Any) -> list[str]:
    found = read_mapping(mapping if isinstance(mapping, bytes) else encoded(mapping))
    assert isinstance(found, Fault)
    return sorted(flaw.pointer or "" for flaw in found.errors)


@pytest.mark.parametrize("mapping", [DECLARED, CLEARED, EXAMPLE], ids=["declared", "cleared", "example"])
def test_a_good_mapping_is_taken_and_stays_the_same_when_written_again(mapping: dict[str, Any]) -> None:
    found = mapping_of(mapping)
    assert read_mapping(msgspec.json.encode(found)) == found


@pytest.mark.parametrize(
    "over, pointer",
    [
        ({"type": "trade.shipment.declard"}, "/type"),
        ({"type": "trade.licence.issued"}, "/type"),
        ({"source": "my erp"}, "/source"),
        ({"source": None}, "/source"),
        ({"time": None}, "/time"),
        ({"titel": "x"}, "/titel"),
        ({"data__consignee": None}, "/data/consignee"),
        ({"data__consignee": {}}, "/data/consignee/column"),
        ({"data__consignee": {"column": " "}}, "/data/consignee/column"),
        ({"data__consignee": {"column": "X", "value": "Y"}}, "/data/consignee/value"),
        ({"data__consignee": {"column": "X", "columns": ["Y"]}}, "/data/consignee/columns"),
        ({"data__consignee": {"column": "X", "separator": ","}}, "/data/consignee/separator"),
        ({"data__consignee": {"value": "x" * 200}}, "/data/consignee/value"),
        ({"data__consignee": {"column": "X", "words": {"a": 1}}}, "/data/consignee/words/a"),
        ({"data__destination": {"value": "Germany"}}, "/data/destination/value"),
        ({"data__destination": {"column": "X", "words": {"Japan": "JPN"}}}, "/data/destination/words/Japan"),
        ({"data__destination": {"column": "X", "default": "?"}}, "/data/destination/default"),
        ({"data__lines__commodity__form": {"value": "magnets"}}, "/data/lines/commodity/form/value"),
        (
            {"data__lines__commodity__elements": {"value": "Nd/Xx", "separator": "/"}},
            "/data/lines/commodity/elements/value",
        ),
        ({"data__lines__line_no": {"value": "first"}}, "/data/lines/line_no/value"),
        ({"data__lines__line_no": {"value": "0"}}, "/data/lines/line_no/value"),
        ({"data__lines__net_mass__value": {"column": "X", "default": "1,5"}}, "/data/lines/net_mass/value/default"),
        (
            {"data__lines__value": {"amount": COLUMN, "currency": {"value": "EURO"}}},
            "/data/lines/value/currency/value",
        ),
        ({"time": {"value": "2025-05-01"}}, "/time/value"),
        ({"time": {"column": "X", "dates": ["DD.MM"]}}, "/time/dates/0"),
        ({"time": {"column": "X", "time_zone": "Mars/Olympus"}}, "/time/time_zone"),
        ({"reading": {"decimal": ",", "thousands": ","}}, "/reading/thousands"),
        ({"reading": {"decimal": ";"}}, "/reading/decimal"),
        ({"reading": {"dates": []}}, "/reading/dates"),
        ({"reading": {"time_zone": "../etc/passwd"}}, "/reading/time_zone"),
        ({"reading": {"time_zone": "Europe"}}, "/reading/time_zone"),
        ({"file": {"encoding": "klingon"}}, "/file/encoding"),
        ({"file": {"delimiter": "x"}}, "/file/delimiter"),
        ({"skip": [{"column": "X", "words": []}]}, "/skip/0/words"),
        ({"rows": "all"}, "/rows"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(over: dict[str, Any], pointer: str) -> None:
    assert pointers(changed(DECLARED, **over)) == [pointer]


def test_all_that_is_wrong_is_told_at_once() -> None:
    bad = changed(DECLARED, data__destination={"value": "Germany"}, data__origin={"value": "China"})
    assert pointers(bad) == ["/data/destination/value", "/data/origin/value"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type":1}', b'{"type":"a","type":"b"}', b"\xff"])
def test_what_is_no_mapping_at_all_is_refused(body: bytes) -> None:
    assert pointers(body)


def test_a_milestone_has_no_lines() -> None:
    assert "/data/lines" in pointers(changed(CLEARED, data__lines={}))


def paths(struct: Any, is_leaf: Callable[[Any], bool], step: str = "") -> set[str]:
    """Return the places of all values, those of a list as of its items."""
    found: set[str] = set()
    for field in msgspec.structs.fields(struct):
        core = core_type(field.type)
        item = core_type(get_args(core)[0]) if get_origin(core) is tuple else core
        inner = item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None
        path = f"{step}.{field.name}"
        found |= {path} if inner is None or is_leaf(inner) else paths(inner, is_leaf, path)
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_of_the_contract_can_be_mapped(kind: str) -> None:
    part = next(field.type for field in msgspec.structs.fields(TYPES[kind]) if field.name == "data")
    mapped = paths(part, lambda inner: issubclass(inner, Origin))
    assert mapped == paths(TRADE_TYPES[kind], lambda _: False)
