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

from lanewatch.sending import in_words
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

TIMEOUT_S = 60.0
ALERTS = "/lanewatch/alerts"
"""The source of what the alerts service makes itself; tests and escalations, of any kind, have one below it."""

Json = Mapping[str, Any]


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
    """Ask Kafka, licensing and alerts, and compare. Raises StackError when one of them refuses, or does not answer."""
    logging.getLogger("aiokafka").disabled = True
    try:
        return asyncio.run(_audit(config))
    except (KafkaError, httpx.HTTPError, OSError) as error:
        raise StackError("The audit needs the running stack: lanewatch up, with the same ports.") from error


async def _audit(config: StackConfig) -> Audit:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=headers(config)) as client:
        # Asked in the direction of the flow, so that what moves meanwhile is seen further down, not missed.
        before = await _end(config, config.topics.events)
        licensing = await _counts(client, config, "licensing")
        alerts = await _counts(client, config, "alerts")
        # And once more against it: nobody downstream may have more than there is upstream by then.
        later = await _counts(client, config, "licensing")
        after = await _end(config, config.topics.events)
    lines = (*_of_events(before, after, licensing), *_of_ledger(licensing), *alerts_lines(licensing, alerts, later))
    return Audit(lines)


async def _counts(client: httpx.AsyncClient, config: StackConfig, service: str) -> Json:
    answer = await client.get(f"{config.url_of(service)}/v1/audit")
    if not answer.is_success:
        raise StackError(f"{service.capitalize()} refuses: {in_words(answer)}")
    found: Json = answer.json()
    return found


async def _end(config: StackConfig, topic: str) -> int:
    """Return how many records the topic was ever given."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=config.bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        return sum(ends.values())
    finally:
        await consumer.stop()


def _of_events(before: int, after: int, licensing: Json) -> tuple[Line, ...]:
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


def _of_ledger(licensing: Json) -> tuple[Line, ...]:
    return (
        Line("ledger accounts", licensing["accounts"]),
        Line("  entries", licensing["ledger_entries"]),
        Line("  balances that are not the sum of their entries", licensing["unbalanced_accounts"], is_fault=True),
        Line("  overdrawn", licensing["overdrawn_accounts"], is_fault=True),
        Line("lane changes", sum(licensing["lane_changes_by_state"].values())),
        Line("  gaps in a lane's sequence", licensing["lane_sequence_gaps"], is_fault=True),
    )


def alerts_lines(licensing: Json, alerts: Json, later: Json) -> tuple[Line, ...]:
    """Compare what alerts took over with what licensing had made before alerts was asked, and `later`."""
    made = sum(licensing["alerts_by_type"].values())
    states, sources = alerts["deliveries_by_state"], alerts["alerts_by_source"]
    taken = sum(count for source, count in sources.items() if not is_made_by_alerts(source))
    return (
        Line("alerts made", made),
        Line("  not published yet", licensing["unpublished"]),
        Line("  that cannot be published", licensing["unpublishable"], is_fault=True),
        Line("  published and not taken over yet", max(0, made - licensing["unpublished"] - taken)),
        Line("  taken over and never made", max(0, taken - sum(later["alerts_by_type"].values())), is_fault=True),
        Line("deliveries", sum(states.values())),
        *(Line(f"  {state}", count) for state, count in sorted(states.items())),
        Line("  delivered without an accepted attempt", alerts["delivered_without_accepted_attempt"], is_fault=True),
    )


def is_made_by_alerts(source: str) -> bool:
    """Return whether the alerts service made an alert itself, instead of taking it over."""
    return source == ALERTS or source.startswith(f"{ALERTS}/")
