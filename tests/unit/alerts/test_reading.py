"""From records to alerts, duplicates and dead letters."""

from typing import Any, cast

import msgspec
import pytest
from aiokafka import ConsumerRecord

from services.alerts.consumer import CONFLICT, is_same, read_batch
from shared.consumption import Record
from tests.integration.alerts.service import lane_changed


def record(offset: int, value: bytes | None, partition: int = 0) -> Record:
    return cast("Record", ConsumerRecord("t", partition, offset, 0, 0, b"key", value, None, 3, len(value or b""), ()))


def changed(body: bytes, **members: Any) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(body) | members)


def test_the_bytes_of_an_alert_are_kept() -> None:
    body = lane_changed()
    (alert,) = read_batch([record(0, body)]).alerts.values()
    assert alert.body is body
    assert alert.lane == "dysprosium-magnets/CN/DE"


@pytest.mark.parametrize(
    "body,reason,pointer",
    [
        (None, "no value", None),
        (b"", "truncated", ""),
        (b"not JSON", "malformed", ""),
        (b"[]", "object", ""),
        (changed(lane_changed(), type="lanewatch.surprise"), "unknown event type", "/type"),
        (changed(lane_changed(), id=""), "1 to 256 characters", "/id"),
        (changed(lane_changed(), data={}), "/data/scope: missing", "/data/scope"),
    ],
)
def test_what_is_not_an_alert_is_dead_with_the_reason(body: bytes | None, reason: str, pointer: str | None) -> None:
    batch = read_batch([record(7, body)])
    (letter,) = batch.dead
    assert not batch.alerts
    assert reason in letter.reason
    assert (letter.kafka_offset, letter.body) == (7, body)
    if pointer is not None:
        assert letter.pointer == pointer


def test_the_same_alert_twice_in_a_batch_counts_once() -> None:
    batch = read_batch([record(0, lane_changed()), record(1, lane_changed())])
    assert len(batch.alerts) == 1
    assert batch.duplicates == {0: 1}
    assert not batch.dead


def test_another_body_under_the_same_id_is_dead() -> None:
    batch = read_batch([record(0, lane_changed()), record(1, lane_changed(headline="Something else"))])
    assert [letter.reason for letter in batch.dead] == [CONFLICT]


def test_blanks_and_the_order_of_members_make_no_difference() -> None:
    body = lane_changed()
    members = msgspec.json.decode(body)
    assert is_same(body, msgspec.json.encode(dict(reversed(members.items()))))
    assert not is_same(body, changed(body, subject="x"))
