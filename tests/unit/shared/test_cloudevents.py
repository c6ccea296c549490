"""Events are read with the pointer of each fault, and written so that they read back as they were."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.cloudevents import alert, entity_key, read_alert, read_trade_event, write
from shared.errors import PermanentError
from shared.events import ALERT_TYPES, TRADE_TYPES, TestPing
from shared.examples import alert_event, trade_event

ABSENT = "(absent)"


def changed(steps: str, value: object, kind: str = "trade.shipment.declared") -> bytes:
    """An example event with the value at a path, e.g. `data/lines/0/net_mass`, set, or removed."""
    event = json.loads(json.dumps(trade_event(kind)))
    place: Any = event
    *path, last = (int(step) if step.isdigit() else step for step in steps.split("/"))
    for step in path:
        place = place[step]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return json.dumps(event).encode()


@pytest.mark.parametrize("kind", TRADE_TYPES)
def test_every_example_that_comes_in_reads_back_as_written(kind: str) -> None:
    event = read_trade_event(json.dumps(trade_event(kind)).encode())
    assert type(event.data) is TRADE_TYPES[kind]
    assert read_trade_event(write(event)) == event
    assert write(read_trade_event(write(event))) == write(event)


@pytest.mark.parametrize("kind", ALERT_TYPES)
def test_every_example_that_goes_out_reads_back_as_written(kind: str) -> None:
    event = read_alert(json.dumps(alert_event(kind)).encode())
    assert type(event.data) is ALERT_TYPES[kind]
    assert read_alert(write(event)) == event


FAULTS: list[tuple[str, object, str, str]] = [
    ("id", ABSENT, "/id", "missing"),
    ("id", "", "/id", "1 to 256 characters"),
    ("id", "a\n", "/id", "control character"),
    ("id", "x" * 257, "/id", "1 to 256 characters"),
    ("source", ABSENT, "/source", "missing"),
    ("source", "/a b", "/source", "without blanks"),
    ("specversion", "0.3", "/specversion", "not 1.0"),
    ("type", ABSENT, "/type", "missing"),
    ("type", 5, "/type", "a text"),
    ("type", "trade.shipment.lost", "/type", "unknown event type"),
    ("time", ABSENT, "/time", "missing"),
    ("time", "2025-05-20T11:00:00", "/time", "has no UTC offset"),
    ("time", "yesterday", "/time", "point in time"),
    ("time", 1747710000, "/time", "point in time"),
    ("time", "0001-01-01T00:00:00+08:00", "/time", "outside the years"),
    ("time", "9999-12-31T23:59:59-08:00", "/time", "outside the years"),
    ("datacontenttype", "text/xml", "/datacontenttype", "application/json"),
    ("data", ABSENT, "/data", "missing"),
    ("data", [], "/data", "object"),
    ("data/shipment_id", ABSENT, "/data/shipment_id", "missing"),
    ("data/shipment", "S", "/data/shipment", "unknown field"),
    ("data/a`b", 1, "/data/a`b", "unknown field"),
    ("data/a~b", 1, "/data/a~0b", "unknown field"),
    ("data/a. - at `$.x`", 1, "/data/a. - at `$.x`", "unknown field"),
    ("data/origin", "China", "/data/origin", "not an ISO 3166-1 alpha-2 country code"),
    ("data/lines", [], "/data/lines", "at least 1 item, got 0"),
    ("data/lines/0/line_no", 0, "/data/lines/0/line_no", "not a whole number from 1 to 9,999: 0"),
    ("data/lines/0/net_mass", {"value": -1}, "/data/lines/0/net_mass", "negative"),
    ("data/lines/0/net_mass", {"value": 0}, "/data/lines/0/net_mass", "more than zero"),
    ("data/lines/0/net_mass/unit", "LBR", "/data/lines/0/net_mass/unit", "not one of KGM, TNE, GRM, MGM, DTN"),
    ("data/lines/0/commodity/elements/1", "Xyz", "/data/lines/0/commodity/elements/1", "not a chemical symbol"),
]


@pytest.mark.parametrize("steps, value, pointer, says", FAULTS, ids=lambda value: str(value)[:40])
def test_fault_points_at_its_field(steps: str, value: object, pointer: str, says: str) -> None:
    with pytest.raises(PermanentError, match=says) as caught:
        read_trade_event(changed(steps, value))
    assert caught.value.pointer == pointer


def test_time_outside_utc_is_found_in_the_data_too() -> None:
    with pytest.raises(PermanentError) as caught:
        read_trade_event(changed("data/valid_until", "9999-12-31T23:00:00-08:00", "trade.licence.issued"))
    assert caught.value.pointer == "/data/valid_until"


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff", b'"\\ud800"', b"[" * 100_000, b'{"type":"x"}x'])
def test_what_is_no_event_is_permanent(body: bytes) -> None:
    with pytest.raises(PermanentError):
        read_trade_event(body)
    with pytest.raises(PermanentError):
        read_alert(body)


def test_deep_nesting_in_an_extension_is_permanent() -> None:
    body = json.dumps(trade_event("trade.shipment.declared")).encode()
    with pytest.raises(PermanentError):
        read_trade_event(b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"," + body[1:])


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json_with_parameters_too(content_type: str) -> None:
    assert read_trade_event(changed("datacontenttype", content_type)).datacontenttype == content_type


@pytest.mark.parametrize(
    "kind, key",
    [
        ("trade.shipment.declared", "shipment:SHP-42"),
        ("trade.shipment.cancelled", "shipment:SHP-42"),
        ("trade.licence.revoked", "licence:LIC-7"),
        ("trade.licence.batch_issued", "batch:BATCH-1"),
        ("trade.quota.closed", "quota:Q-2025-DY"),
        ("trade.regime.ended", "regime:CN-2025-18"),
        ("lanewatch.clock.ticked", "clock:trade"),
    ],
)
def test_key_is_the_thing_whose_life_it_is(kind: str, key: str) -> None:
    assert entity_key(read_trade_event(json.dumps(trade_event(kind)).encode())) == key


def test_alert_is_keyed_by_its_lane() -> None:
    example = read_alert(json.dumps(alert_event("lanewatch.test.ping")).encode())
    assert isinstance(example.data, TestPing)
    made = alert(
        "lanewatch.test.ping", id="1", time=datetime(2025, 1, 1, tzinfo=UTC), key="lane", data=example.data, sequence=3
    )
    assert (made.partitionkey, made.sequence) == ("lane", "3")
    assert read_alert(write(made)) == made
