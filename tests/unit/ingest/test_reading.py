"""A request gives events to publish, in order and as they were sent, or exact faults."""

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.reading import Accepted, Limits, read_batch, read_binary, read_structured
from shared.cloudevents import read_trade_event
from shared.events import TRADE_TYPES
from shared.examples import TRADE_DATA, trade_event

LIMITS = Limits(event_bytes=100_000, batch_bytes=1_000_000, batch_items=50, is_clock_taken=True)
DECLARED = json.dumps(trade_event("trade.shipment.declared"), indent=2).encode()


def flaws(outcome: object) -> tuple[Flaw, ...]:
    assert isinstance(outcome, Fault)
    return outcome.errors


def headers(kind: str, **more: str) -> list[tuple[bytes, bytes]]:
    event = {**trade_event(kind), **more}
    names = [name for name in event if name not in ("data", "datacontenttype")]
    return [(b"content-type", b"application/json"), *((f"CE-{n}".encode(), str(event[n]).encode()) for n in names)]


@pytest.mark.parametrize("kind", TRADE_TYPES)
def test_structured_event_goes_on_as_the_bytes_that_came(kind: str) -> None:
    body = json.dumps(trade_event(kind), indent=1).encode()
    item = read_structured(body, LIMITS)
    assert isinstance(item, Accepted)
    assert item.value == body
    assert (item.source, item.id) == ("/customs/shanghai", f"{kind}-0001")


def test_extensions_go_on_untouched() -> None:
    body = DECLARED.replace(b'"specversion"', b'"myext": "\xc3\xa9", "flag": true, "n": 7, "specversion"')
    item = read_structured(body, LIMITS)
    assert isinstance(item, Accepted)
    assert item.value == body


@pytest.mark.parametrize("kind", TRADE_TYPES)
def test_binary_event_is_the_same_event_as_the_structured_one(kind: str) -> None:
    item = read_binary(headers(kind), json.dumps(TRADE_DATA[kind]).encode(), LIMITS)
    assert isinstance(item, Accepted)
    assert read_trade_event(item.value) == read_trade_event(json.dumps(trade_event(kind)).encode())


def test_binary_data_goes_on_as_the_bytes_that_came() -> None:
    data = b'\n{ "regime_id" : "R\\u00e9" }  '
    item = read_binary(headers("trade.regime.ended", myext="7"), data, LIMITS)
    assert isinstance(item, Accepted)
    assert b'"data":{ "regime_id" : "R\\u00e9" }}' in item.value
    assert json.loads(item.value)["myext"] == "7"
    assert item.key == "regime:Ré"


def test_body_cannot_break_out_of_the_composed_event() -> None:
    data = json.dumps(TRADE_DATA["trade.regime.ended"]).encode() + b',"id":"other"'
    assert flaws(read_binary(headers("trade.regime.ended"), data, LIMITS))[0].pointer == ""


BAD_HEADERS: list[tuple[tuple[bytes, bytes], int, str]] = [
    ((b"ce-id", b"again"), 400, "ce-id"),
    ((b"ce-my_ext", b"x"), 400, "ce-my_ext"),
    ((b"ce-", b"x"), 400, "ce-"),
    ((b"ce-data", b"{}"), 400, "ce-data"),
    ((b"ce-datacontenttype", b"text/plain"), 400, "ce-datacontenttype"),
    ((b"ce-ext", b"caf\xe9"), 400, "ce-ext"),
    ((b"ce-ext", b"%C0%A0"), 400, "ce-ext"),
    ((b"ce-ext", b"a%00b"), 400, "ce-ext"),
    ((b"ce-ext", b"a%0Ab"), 400, "ce-ext"),
    ((b"ce-subject", b"x" * 257), 422, "ce-subject"),
]


@pytest.mark.parametrize("header, status, name", BAD_HEADERS, ids=lambda value: repr(value)[:40])
def test_bad_header_is_named(header: tuple[bytes, bytes], status: int, name: str) -> None:
    outcome = read_binary([*headers("trade.regime.ended"), header], b'{"regime_id": "R"}', LIMITS)
    assert isinstance(outcome, Fault)
    assert outcome.status == status
    assert flaws(outcome)[0].header == name
    assert flaws(outcome)[0].pointer is None


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time"])
def test_missing_header_is_named(name: str) -> None:
    sent = [header for header in headers("trade.regime.ended") if header[0] != f"CE-{name}".encode()]
    assert flaws(read_binary(sent, b'{"regime_id": "R"}', LIMITS))[0].header == f"ce-{name}"


def test_binary_pointer_leads_into_the_body_as_sent() -> None:
    data = json.loads(json.dumps(TRADE_DATA["trade.shipment.declared"]))
    data["lines"][0]["net_mass"]["value"] = "-1"
    outcome = read_binary(headers("trade.shipment.declared"), json.dumps(data).encode(), LIMITS)
    assert flaws(outcome)[0].pointer == "/lines/0/net_mass"
    assert flaws(read_binary(headers("trade.regime.ended"), b"[]", LIMITS))[0].pointer == ""


@pytest.mark.parametrize(
    "sent, read",
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € \U0001f600"),
        (b'"with \\"quotes\\" and%20more"', 'with "quotes" and more'),
        (b"plain", "plain"),
        (b"lower%c3%a9", "lowerÉ".lower()),
        (b"%2541", "%41"),
    ],
)
def test_header_value_is_decoded_as_the_binding_says(sent: bytes, read: str) -> None:
    item = read_binary([*headers("trade.regime.ended"), (b"ce-ext", sent)], b'{"regime_id": "R"}', LIMITS)
    assert isinstance(item, Accepted)
    assert json.loads(item.value)["ext"] == read


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_any_clean_header_value_survives_its_encoding(value: str) -> None:
    sent = (b"ce-ext", quote(value, safe="!#$&'()*+,/:;=?@[]^`{|}<>").encode())
    item = read_binary([*headers("trade.regime.ended"), sent], b'{"regime_id": "R"}', LIMITS)
    assert isinstance(item, Accepted)
    assert json.loads(item.value)["ext"] == value


@pytest.mark.parametrize(
    "member, pointer",
    [
        ('"data_base64": "AA=="', "/data_base64"),
        ('"dataContentType": "x"', "/dataContentType"),
        ('"my-ext": "x"', "/my-ext"),
        ('"ext": {}', "/ext"),
        ('"ext": [1]', "/ext"),
        ('"ext": 1.5', "/ext"),
        ('"ext": 2147483648', "/ext"),
        ('"ext": "a\\nb"', "/ext"),
        ('"subject": "a\\u0085b"', "/subject"),
    ],
)
def test_member_that_is_no_attribute_is_refused(member: str, pointer: str) -> None:
    body = DECLARED.replace(b'"specversion"', member.encode() + b', "specversion"', 1)
    outcome = read_structured(body, LIMITS)
    assert isinstance(outcome, Fault)
    assert (outcome.status, flaws(outcome)[0].pointer) == (422, pointer)


def test_clock_moves_only_when_it_may() -> None:
    body = json.dumps(trade_event("lanewatch.clock.ticked")).encode()
    assert isinstance(read_structured(body, LIMITS), Accepted)
    outcome = read_structured(body, Limits(10_000, 10_000, 10, is_clock_taken=False))
    assert isinstance(outcome, Fault)
    assert (outcome.status, outcome.errors[0].pointer) == (403, "/type")


def test_event_over_the_limit_is_refused_in_a_batch_too() -> None:
    limits = Limits(len(DECLARED) - 1, 1_000_000, 10, is_clock_taken=True)
    items = read_batch(b"[" + DECLARED + b"]", limits)
    assert not isinstance(items, Fault)
    assert [item.status for item in items if isinstance(item, Fault)] == [413]


def test_batch_over_its_number_is_refused_whole() -> None:
    outcome = read_batch(b"[" + b",".join([DECLARED] * 51) + b"]", LIMITS)
    assert isinstance(outcome, Fault)
    assert outcome.status == 413


@pytest.mark.parametrize(
    "body, status",
    [(b"{}", 422), (b"null", 422), (b"[", 400), (b"[{]", 400), (b"", 400), (b"\xff", 400), (b"[" * 100_000, 400)],
    ids=lambda value: repr(value)[:20],
)
def test_body_that_is_no_list_is_refused_whole(body: bytes, status: int) -> None:
    outcome = read_batch(body, LIMITS)
    assert isinstance(outcome, Fault)
    assert outcome.status == status


def test_empty_batch_is_no_fault() -> None:
    assert read_batch(b" [ ] ", LIMITS) == []


GOOD = st.sampled_from(sorted(TRADE_DATA)).map(lambda kind: json.dumps(trade_event(kind)).encode())
BAD = st.sampled_from([b"1", b"null", b"{}", b'"x"', DECLARED.replace(b"1.0", b"2.0"), b'{"a":1,"a":2}', b'"\\u0000"'])


@given(st.lists(GOOD | BAD, max_size=8), st.sampled_from([b",", b" ,\n"]))
def test_batch_keeps_its_order_and_bad_items_sink_no_others(parts: list[bytes], comma: bytes) -> None:
    items = read_batch(b"[ " + comma.join(parts) + b"\n]", LIMITS)
    assert not isinstance(items, Fault)
    for index, (part, item) in enumerate(zip(parts, items, strict=True)):
        alone = read_structured(part, LIMITS)
        assert item == (alone.under(f"/{index}") if isinstance(alone, Fault) else alone)


@given(st.binary(max_size=300))
def test_any_bytes_give_items_or_a_fault(body: bytes) -> None:
    outcomes = [
        read_structured(body, LIMITS),
        read_batch(body, LIMITS),
        read_binary(headers("trade.regime.ended"), body, LIMITS),
        read_binary([(b"ce-" + body, body), (body, body)], body, LIMITS),
    ]
    for outcome in outcomes:
        assert isinstance(outcome, Fault) or outcome == []
        msgspec.json.encode(outcome)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in inner for place in places(member, (*path, key)))]


@given(st.sampled_from(sorted(TRADE_DATA)), st.data())
def test_anything_in_place_of_a_value_gives_an_item_or_a_fault(kind: str, data: st.DataObject) -> None:
    event: Any = json.loads(json.dumps(trade_event(kind)))
    *path, last = data.draw(st.sampled_from([p for p in places(event) if p]))
    place = event
    for step in path:
        place = place[step]
    place[last] = data.draw(ANYTHING)
    body = json.dumps(event).encode()
    outcome = read_structured(body, LIMITS)
    if isinstance(outcome, Accepted):
        assert outcome.value == body
    else:
        assert outcome.status in (400, 403, 413, 422)
        assert outcome.errors
        msgspec.json.encode(outcome)


@given(st.data())
def test_damaged_bytes_give_an_item_or_a_fault(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(DECLARED)))
    end = data.draw(st.integers(start, min(start + 20, len(DECLARED))))
    body = DECLARED[:start] + data.draw(st.binary(max_size=6)) + DECLARED[end:]
    outcome = read_structured(body, LIMITS)
    assert isinstance(outcome, (Accepted, Fault))
    if isinstance(outcome, Accepted):
        assert outcome.value == body
