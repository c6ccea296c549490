"""`lanewatch audit`: follows every accepted event to its end and says where the counts disagree.

What is still under way (unread, unpublished, undelivered) is told and is no fault; a gap is.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers
from shared.events import AlertsGathered, EndpointNoticed, PipelineNoticed, TestPing

TIMEOUT_S = 60.0
MADE_BY_ALERTS = (*TestPing.TYPES, *PipelineNoticed.TYPES, *EndpointNoticed.TYPES, *AlertsGathered.TYPES)


@dataclass(frozen=True)
class Line:
    """One figure of the audit. A fault must be 0; the others only inform."""

    what: str
    count: int
    is_fault: bool = False


@dataclass(frozen=True)
class Audit:
    """All figures."""

    lines: tuple[Line, ...]

    @property
    def is_clean(self) -> bool:
        """Whether no fault was counted."""
        return not any(line.count for line in self.lines if line.is_fault)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"is_clean": self.is_clean, "lines": [asdict(line) for line in self.lines]}


def audit(config: StackConfig) -> Audit:
    """Ask Kafka, licensing and alerts, and compare. Raises StackError when one of them does not answer."""
    logging.getLogger("aiokafka").disabled = True
    try:
        return asyncio.run(_audit(config))
    except (KafkaError, httpx.HTTPError, OSError) as error:
        raise StackError("The audit needs the running stack: lanewatch up, with the same ports.") from error


async def _audit(config: StackConfig) -> Audit:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=headers(config)) as client:
        # Asked in the direction of the flow, so that what moves meanwhile is seen further down, not missed.
        before = await _end(config, config.topics.events)
        licensing = (await client.get(f"{config.url_of('licensing')}/v1/audit")).raise_for_status().json()
        alerts = (await client.get(f"{config.url_of('alerts')}/v1/audit")).raise_for_status().json()
        after = await _end(config, config.topics.events)
    return Audit((*_of_events(before, after, licensing), *_of_ledger(licensing), *_of_alerts(licensing, alerts)))


async def _end(config: StackConfig, topic: str) -> int:
    """Return how many records the topic was ever given."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=config.bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        return sum(ends.values())
    finally:
        await consumer.stop()


def _of_events(before: int, after: int, licensing: Mapping[str, Any]) -> tuple[Line, ...]:
    status = licensing["events_by_status"]
    read = licensing["records_read"]
    ended = sum(status.values()) + licensing["duplicates"] + licensing["dead_letters_without_event"]
    return (
        Line("events accepted by Kafka", before),
        Line("  not read yet", max(0, before - read)),
        Line("  decided", status.get("decided", 0)),
        Line("  parked", status.get("parked", 0)),
        Line("  in the dead letters", licensing["dead_letters"]),
        Line("  duplicates, without effect", licensing["duplicates"]),
        Line("  read that Kafka does not have", max(0, read - after), is_fault=True),
        Line("  read and without an end", abs(read - ended), is_fault=True),
        Line("  dead without a letter", licensing["dead_events_without_letter"], is_fault=True),
        Line("  shipments decided without a decision", licensing["decided_shipments_without_decision"], is_fault=True),
    )


def _of_ledger(licensing: Mapping[str, Any]) -> tuple[Line, ...]:
    return (
        Line("ledger accounts", licensing["accounts"]),
        Line("  entries", licensing["ledger_entries"]),
        Line("  balances that are not the sum of their entries", licensing["unbalanced_accounts"], is_fault=True),
        Line("  overdrawn", licensing["overdrawn_accounts"], is_fault=True),
        Line("lane changes", sum(licensing["lane_changes_by_state"].values())),
        Line("  gaps in a lane's sequence", licensing["lane_sequence_gaps"], is_fault=True),
    )


def _of_alerts(licensing: Mapping[str, Any], alerts: Mapping[str, Any]) -> tuple[Line, ...]:
    made, taken = sum(licensing["alerts_by_type"].values()), sum(alerts["alerts_by_kind"].values())
    states = alerts["deliveries_by_state"]
    own = sum(alerts["alerts_by_kind"].get(kind, 0) for kind in MADE_BY_ALERTS)
    return (
        Line("alerts made", made),
        Line("  not published yet", licensing["unpublished"]),
        Line("  that cannot be published", licensing["unpublishable"], is_fault=True),
        Line("  published and not taken over yet", max(0, made - licensing["unpublished"] - taken + own)),
        Line("  taken over and never made", max(0, taken - own - made), is_fault=True),
        Line("deliveries", sum(states.values())),
        *(Line(f"  {state}", count) for state, count in sorted(states.items())),
        Line("  delivered without an accepted attempt", alerts["delivered_without_accepted_attempt"], is_fault=True),
    )
