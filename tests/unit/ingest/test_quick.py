"""What is read quickly is what the long way reads, to the byte; what is not plainly in order is left to it."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.domain import quick
from services.ingest.domain.reading import Accepted, Limits, read_exactly, read_structured
from shared.cloudevents import entity_key
from shared.events import TRADE_TYPES
from shared.examples import trade_event
from tests.support.mutated import at, mutated, places

LIMITS = Limits(event_bytes=100_000, batch_bytes=1_000_000, batch_items=50, is_clock_taken=True)
KINDS = sorted(set(TRADE_TYPES) - {"lanewatch.clock.ticked"})
DECLARED = trade_event("trade.shipment.declared")
ENDED = b'{"specversion":"1.0","id":"%s","source":"/s","type":"trade.regime.ended","time":"2025-05-20T11:00:00Z",%s}'


def compact(event: Any) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def ended(rest: str, name: str = "e") -> bytes:
    return ENDED % (name.encode(), rest.encode())


def agrees(body: bytes) -> bool:
    """Return whether the body is read quickly; then the long way must have accepted the very same."""
    event = quick.read_one(body)
    exact = read_exactly(body, LIMITS)
    assert read_structured(body, LIMITS) == exact
    if event is not None:
        assert isinstance(exact, Accepted)
        assert (event.source, event.id, entity_key(event)) == (exact.source, exact.id, exact.key)
    return event is not None


@pytest.mark.parametrize("kind", KINDS)
def test_events_as_they_are_usually_written_are_read_quickly(kind: str) -> None:
    event = trade_event(kind)
    for body in (compact(event), json.dumps(event).encode(), json.dumps(event, indent=1).encode()):
        assert agrees(body)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_left_out_is_not_counted_as_if_it_were_there(kind: str) -> None:
    whole = trade_event(kind)
    taken = 0
    for place in (each for each in places(whole) if isinstance(each[-1], str)):
        event = deepcopy(whole)
        parent = at(event, place[:-1])
        del parent[place[-1]]
        is_good = isinstance(read_exactly(compact(event), LIMITS), Accepted)
        assert agrees(compact(event)) == is_good, place
        taken += is_good
    assert taken


@given(mutated())
def test_a_mutated_event_is_read_quickly_only_if_the_long_way_takes_it(body: bytes) -> None:
    agrees(body)
    agrees(compact(json.loads(body)))


TWINS = [(kind, place) for kind in KINDS for place in places(trade_event(kind)) if isinstance(place[-1], str)]
DECOYS = {
    "nothing": lambda body: body,
    "an offset without a colon": lambda body: body.replace(b"+08:00", b"+0800"),
    "a gap": lambda body: body.replace(b'"id":', b'"id" :'),
    "another gap": lambda body: body.replace(b'"id":', b'"id"\n:'),
    "an escape": lambda body: body.replace(b'"specversion":"1.0"', b'"specversion":"1.\\u0030"'),
    "a colon": lambda body: body.replace(b'"id":"', b'"id":":'),
}


@given(st.sampled_from(TWINS), st.sampled_from(sorted(DECOYS)))
@example(("trade.shipment.declared", ("data", "shipment_id")), "a gap")
@example(("trade.shipment.declared", ("data", "shipment_id")), "an offset without a colon")
def test_a_key_that_stands_twice_is_never_read_quickly(twin: tuple[str, tuple[str | int, ...]], decoy: str) -> None:
    kind, place = twin
    event = deepcopy(trade_event(kind))
    parent, name = at(event, place[:-1]), str(place[-1])
    parent["twin-of-it"] = parent[name]
    body = DECOYS[decoy](compact(event).replace(b'"twin-of-it"', compact(name)))
    assert not agrees(body)
    assert not isinstance(read_exactly(body, LIMITS), Accepted)


@pytest.mark.parametrize(
    "body",
    [
        ended('"data":{"regime_id":"R"},"ext":"x"'),
        ended('"data":{"regime_id":"R"},"subject":null'),
        ended('"data":{"regime_id":"R\\u0031"}'),
        ended('"data":{"regime_id":"R"},"subject":"a\x7f"'),
        ended('"data":{"regime_id":"R"},"subject":"a\x85"'),
        ended('"data":{"regime_id":"R"},"datacontenttype":"application/json; charset=utf-8"'),
        ended('"data":{"regime_id":"R"},"ext":' + "[" * 40 + "]" * 40),
        ended('"data":{"regime_id":"R"}').replace(b"/s", b"/s s"),
        ended('"data":{"regime_id":"R"}').replace(b"2025", b"9500"),
        ended('"data":{"regime_id":"R"}').replace(b"2025-05-20T11:00:00Z", b"0001-01-01T00:00:00+14:00"),
        ended('"data":{"regime_id":"R"}').replace(b'"R"', b'"\xff"'),
        compact(trade_event("lanewatch.clock.ticked")),
        b"",
        b"{}",
        b"[]",
    ],
)
def test_what_is_rare_takes_the_long_way(body: bytes) -> None:
    assert not agrees(body)


def test_other_scripts_are_read_quickly() -> None:
    assert agrees(ended('"data":{"regime_id":"镝-Å-Ж"}'))
    assert agrees(ended('"data":{"regime_id": "镝"}, "subject": "a :b \\": c"').replace(b'\\"', b"'"))


GOOD = st.sampled_from([compact(trade_event(kind)) for kind in KINDS]) | st.just(json.dumps(DECLARED).encode())
ODD = st.sampled_from(
    [
        ended('"data":{"regime_id":"R","regime_id":"R"}'),
        ended('"data":{"regime_id":"R"},"ext":"x"'),
        ended('"data":{"regime_id":"R"}') + ended('"data":{"regime_id":"R"}'),
        ended('"data":{"regime_id":"R"}') + b" " + ended('"data":{"regime_id":"R"}'),
        ended('"data":{"regime_id":"R"}').replace(b'"data":', b'\n"data":'),
        ended('"data":{"regime_id":"R"}').replace(b"/s", b"/s s"),
        ended('"data":{"regime_id":"R"}').replace(b"2025", b"9500"),
        ended('"data":{"regime_id":"R"}').replace(b'"data":', b'"data"\n:'),
        b"",
        b"  ",
        b"{",
        b"[]",
        b"\xff",
    ]
)


@given(st.lists(GOOD, max_size=4), st.lists(GOOD | ODD | mutated(), max_size=3), st.lists(GOOD, max_size=2))
def test_lines_are_read_together_as_each_by_itself(before: list[bytes], odd: list[bytes], after: list[bytes]) -> None:
    text = b"\n".join([*before, *odd, *after])
    lines = text.split(b"\n")
    events = quick.read_lines(text, len(lines))
    exact = [read_exactly(line, LIMITS) for line in lines]
    if events is not None:
        assert [(e.source, e.id, entity_key(e)) for e in events] == [
            (item.source, item.id, item.key) for item in exact if isinstance(item, Accepted)
        ]
        assert all(isinstance(item, Accepted) for item in exact)


@pytest.mark.parametrize("change", [(b"/s", b"/s s"), (b"2025", b"9500")])
def test_one_line_out_of_order_sends_all_the_long_way(change: tuple[bytes, bytes]) -> None:
    good = ended('"data":{"regime_id":"R"}')
    assert quick.read_lines(good + b"\n" + good, 2)
    assert quick.read_lines(good + b"\n" + good.replace(*change), 2) is None


def test_good_lines_are_read_together() -> None:
    lines = [compact(trade_event(kind)) for kind in KINDS]
    events = quick.read_lines(b"\n".join(lines), len(lines))
    assert events is not None
    assert [event.id for event in events] == [trade_event(kind)["id"] for kind in KINDS]
