"""The same log read again gives the same lane histories, the same alerts and the same decisions, to the byte."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from shared.cloudevents import entity_key, read_trade_event
from shared.events import TRADE_TYPES
from shared.kafka import producing
from tests.support.fresh import fresh
from tests.support.kept import OF_ALERTS, Kept, books, books_in_memory, kept, worked_out_from_the_record
from tests.support.mixed_log import mixed_log
from tests.support.running import Program, running, until

DEADLINE_S = 90


@dataclass(frozen=True)
class Reading:
    """What one reading of the log left in a database of its own."""

    config: StackConfig
    licensing: Kept
    alerts: Kept
    audit: dict[str, Any]


@pytest.fixture(scope="module")
async def log(backbone: StackConfig) -> AsyncIterator[StackConfig]:
    """A topic on which the log lies, in six partitions."""
    async with fresh(backbone) as config:
        await create_topics(config.bootstrap, config.topics)
        async with producing(config.bootstrap, "test") as producer:
            for body in mixed_log():
                key = entity_key(read_trade_event(body)).encode()
                await producer.send(config.topics.events, body, key=key)
            await producer.flush()
        yield config


@asynccontextmanager
async def read(backbone: StackConfig, log: StackConfig, max_batch: int) -> AsyncIterator[Reading]:
    """Let licensing read the log into a fresh database in batches of that size at the most, and alerts what it says."""
    async with fresh(backbone) as own:
        await create_topics(own.bootstrap, own.topics)
        config = replace(own, topics=replace(own.topics, events=log.topics.events))
        groups = {f"LANEWATCH_{name}_GROUP": config.database for name in ("LICENSING", "ALERTS")}
        environment = {**groups, "LANEWATCH_CLOCK": "replay", "LANEWATCH_LICENSING_MAX_BATCH": str(max_batch)}
        async with running(config, "licensing", **environment) as licensing:
            audit = await until(lambda: _settled(licensing), "the log to be read", DEADLINE_S)
        async with running(config, "alerts", **environment) as alerts:
            said = sum(audit["alerts_by_type"].values())
            await until(lambda: _has_taken(alerts, said), "alerts to be taken over", DEADLINE_S)
        yield Reading(config, await kept(config, "licensing"), await kept(config, "alerts", OF_ALERTS), audit)


async def _settled(licensing: Program) -> dict[str, Any] | None:
    found: dict[str, Any] = await licensing.get("/v1/audit")
    is_settled = found["records_read"] == len(mixed_log()) and found["unpublished"] == 0
    return found if is_settled else None


async def _has_taken(alerts: Program, count: int) -> bool:
    return bool((await alerts.get("/v1/audit"))["records_read"] == count)


@pytest.fixture(scope="module")
async def first(backbone: StackConfig, log: StackConfig) -> AsyncIterator[Reading]:
    async with read(backbone, log, 5000) as reading:
        yield reading


def column(rows: list[tuple[Any, ...]], place: int) -> set[Any]:
    return {row[place] for row in rows}


async def test_the_log_is_of_everything_that_can_happen(first: Reading) -> None:
    """Else the comparisons below would say little."""
    events = [read_trade_event(body) for body in mixed_log()]
    assert {event.type for event in events} == set(TRADE_TYPES)
    assert any(later.time < sooner.time for sooner, later in pairwise(events))
    audit = first.audit
    assert set(audit["decisions_by_outcome"]) == {"permitted", "held", "denied", "withdrawn"}
    assert set(audit["lane_changes_by_state"]) == {"flowing", "constrained", "restricted", "dormant"}
    assert sum(audit["lane_changes_by_state"].values()) > 100
    assert {kind.split(".")[1] for kind in audit["alerts_by_type"]} == {
        "decision", "finding", "lane", "licence", "quota", "regime",
    }  # fmt: skip
    assert audit["duplicates"] > 100
    assert audit["dead_events_without_letter"] == 0 < audit["dead_letters_without_event"]
    assert Counter(audit["events_by_status"])["dead"] > 100


async def test_lane_histories_and_alerts_follow_from_the_record_alone(first: Reading) -> None:
    found = await books(first.config)
    again = books_in_memory(await worked_out_from_the_record(first.config))
    for table, rows in found.items():
        assert again[table] == rows, table


async def test_lane_histories_and_alerts_are_the_same_when_the_log_is_read_again_in_smaller_batches(
    backbone: StackConfig, log: StackConfig, first: Reading
) -> None:
    async with read(backbone, log, 20) as again:
        for table, rows in first.licensing.items():
            assert again.licensing[table] == rows, table
        for table, rows in first.alerts.items():
            assert again.alerts[table] == rows, table
