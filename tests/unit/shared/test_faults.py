"""Whatever breaks the contract is told by its field, in words for people, all of it at once."""

import json
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from shared.cloudevents import Event, read_trade_event
from shared.errors import FieldError, PermanentError
from shared.events import TRADE_TYPES, TradeData
from shared.examples import trade_event
from shared.faults import MOST, MOST_QUOTED, core_type, expected, faults, quoted
from tests.support.bad import BAD, DECLARED, LICENCE, Bad


def refused(event: dict[str, Any] | bytes) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read_trade_event(event if isinstance(event, bytes) else json.dumps(event).encode())
    return caught.value


def example(kind: str = DECLARED) -> Any:
    return json.loads(json.dumps(trade_event(kind)))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_data_is_told_by_its_field_and_in_words(bad: Bad) -> None:
    error = refused(bad.body())
    assert error.pointer == bad.pointer
    assert bad.says in error.reason
    assert len(error.faults) == 1
    for jargon in ("regex", "Expected `", "Invalid enum", "$.", "- at"):
        assert jargon not in error.reason


def test_all_faults_of_a_body_are_told_at_once() -> None:
    event = example()
    event["time"] = "tomorrow"
    del event["data"]["exporter"]
    event["data"]["orign"] = event["data"].pop("origin")
    event["data"]["lines"][0]["net_mass"]["unit"] = "LBR"
    event["data"]["lines"].append({"line_no": 1.5})
    error = refused(event)
    assert {(fault.pointer, fault.detail.partition(":")[0]) for fault in error.faults} == {
        ("/time", "not a point in time with its UTC offset (RFC 3339), e.g. 2025-05-20T11"),
        ("/data/exporter", "missing"),
        ("/data/origin", "missing"),
        ("/data/orign", "unknown field; perhaps origin"),
        ("/data/lines/0/net_mass/unit", "not one of KGM, TNE, GRM, MGM, DTN"),
        ("/data/lines/1/line_no", "not a whole number from 1 to 9,999"),
        ("/data/lines/1/commodity", "missing"),
        ("/data/lines/1/net_mass", "missing"),
    }
    assert error.pointer == error.faults[0].pointer
    for fault in error.faults:
        assert f"{fault.pointer}: {fault.detail}" in error.reason


def test_a_rule_between_fields_is_told_beside_a_fault_elsewhere() -> None:
    event = example(LICENCE)
    event["data"]["lines"][0]["mass"]["value"] = "-1"
    event["data"]["lines"].append({"line_no": 2, "covers": {"elements": ["Xx"]}})
    assert [fault.pointer for fault in refused(event).faults] == [
        "/data/lines/0/mass",
        "/data/lines/1/covers/elements/0",
    ]


def test_of_very_many_faults_the_first_are_told_and_that_there_are_more() -> None:
    event = example()
    event["data"]["lines"] = [{**event["data"]["lines"][0], "line_no": 0} for _ in range(200)]
    error = refused(event)
    assert [fault.pointer for fault in error.faults] == [f"/data/lines/{n}/line_no" for n in range(MOST)]
    assert error.reason.endswith("; and more")
    assert len(error.reason) < 5_000


def test_an_unknown_type_is_told_with_what_else_is_wrong() -> None:
    error = refused({**example(), "type": "trade.shipment.declare", "source": "/a b"})
    assert [fault.pointer for fault in error.faults] == ["/type", "/source"]
    assert error.faults[0].detail == 'unknown event type "trade.shipment.declare"; perhaps trade.shipment.declared'


@pytest.mark.parametrize(
    "text, shown",
    [
        (b'"a\x7fb"', '"a\\x7fb"'),
        ('"\u202eabc"'.encode(), '"\\u202eabc"'),
        (b'"a\\u0000b"', '"a\\u0000b"'),
        (b'"\xff"', '"\\xff"'),
        (b"[1,\n 2]", "[1,\\n 2]"),
        ('"你好"'.encode(), '"你好"'),
        (b"1" * 61, "1" * 60 + "…"),
        (("😀" * 61).encode(), "😀" * 60 + "…"),
    ],
)
def test_a_wrong_value_is_shown_cut_and_escaped(text: bytes, shown: str) -> None:
    assert quoted(text) == shown


@given(value=st.text(max_size=300))
def test_whatever_is_shown_can_be_printed(value: str) -> None:
    for text in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")):
        assert quoted(text).isprintable()
        assert len(quoted(text)) <= 10 * MOST_QUOTED + 1


@pytest.mark.parametrize("name", ["a\0b", "\u202e", "x" * 61])
def test_a_field_whose_name_has_no_place_in_a_pointer_is_only_quoted(name: str) -> None:
    event = example()
    event["data"][name] = 1
    error = refused(event)
    assert error.pointer == "/data"
    assert error.reason.startswith('unknown field "')
    assert error.reason.isprintable()


@pytest.mark.parametrize(
    "wanted, text, detail",
    [
        (int, b'"a"', 'not a whole number: "a"'),
        (bool, b"1", "not true or false: 1"),
        (Annotated[int, Meta(ge=3)], b"2", "not a whole number at least 3: 2"),
        (Annotated[int, Meta(le=3)], b"4", "not a whole number at most 3: 4"),
        (Annotated[str, Meta(min_length=2)], b'"a"', 'not a text of at least 2 characters: "a"'),
        (Annotated[str, Meta(max_length=1)] | None, b'"ab"', 'not a text of at most 1 characters: "ab"'),
        (Annotated[tuple[int, ...], Meta(max_length=1)], b"[1, 2]", "at most 1 item, got 2"),
        (tuple[int, ...], b"{}", "not a list: {}"),
        (int | str, b"[]", "not a whole number or a text: []"),
        (dict[str, str], b"[]", "not an object, each value a text: []"),
    ],
)
def test_a_type_tells_what_it_takes(wanted: Any, text: bytes, detail: str) -> None:
    assert list(faults(text, wanted)) == [FieldError("", detail)]


def test_a_value_by_name_is_told_where_it_stands() -> None:
    found = list(faults(b'{"a": "x", "b/c": 1, "\\u202e": 2}', dict[str, str]))
    assert found == [FieldError("/b~1c", "not a text: 1"), FieldError("", "not a text: 2")]


def test_what_is_in_order_has_no_faults() -> None:
    for kind, data in TRADE_TYPES.items():
        assert not list(faults(json.dumps(trade_event(kind)).encode(), Event[data]))  # type: ignore[valid-type]


def test_every_pattern_of_the_contract_is_told_in_words() -> None:
    """A regular expression says nothing to people: whoever adds one says what it means."""
    seen: list[Any] = []
    todo: list[Any] = [Event[TradeData]]
    while todo:
        wanted = todo.pop()
        if wanted in seen:
            continue
        seen.append(wanted)
        core = core_type(wanted)
        kind = get_origin(core) or core
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            todo += [field.type for field in msgspec.structs.fields(core)]
        else:
            todo += [each for each in get_args(core) if not isinstance(each, str)]
    patterns = [
        (wanted, meta)
        for wanted in seen
        if get_origin(wanted) is Annotated
        for meta in get_args(wanted)[1:]
        if isinstance(meta, Meta) and meta.pattern
    ]
    assert len(patterns) > 8
    for wanted, meta in patterns:
        assert meta.description, meta
        assert expected(wanted) == meta.description
