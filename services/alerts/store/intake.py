"""Takes alerts in: offsets, deduplication, the lanes' read model, dead letters."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.store import DEAD_CHANNEL, DUE_CHANNEL
from shared.consumption import Advance, OffsetsMovedError
from shared.events import Scope, Severity

Name = tuple[str, str]
"""Source and id of a CloudEvent."""


class NewAlert(NamedTuple):
    """An alert as it came, and what the index and the lists need of it."""

    source: str
    id: str
    kind: str
    severity: Severity
    lane: str | None
    happened_at: datetime
    body: bytes
    scope: Scope
    accepted_at: datetime | None = None
    decided_at: datetime | None = None
    tenant: str | None = None
    """Whose own it is, for nobody else to read; None: it is for all."""


Numbered = tuple[int, NewAlert]
"""An alert with its number."""


class LaneRow(NamedTuple):
    """A lane's state after a change."""

    lane_id: str
    commodity_group: str
    origin: str
    destination: str
    exporter: str | None
    state: str
    previous: str
    since: datetime
    sequence: int
    severity: str
    headline: str
    reasons: str
    source: str
    id: str


class DeadLetter(NamedTuple):
    """A record that cannot become an alert, as it came, and why."""

    partition: int
    kafka_offset: int
    key: bytes | None
    body: bytes | None
    reason: str
    pointer: str | None


def columns(rows: Sequence[Sequence[Any]], names: Iterable[str]) -> dict[str, list[Any]]:
    """Return rows as one array for each name, which is how a set-based statement takes them."""
    by_column = zip(*rows, strict=True) if rows else ((),) * 64
    return {name: list(column) for name, column in zip(names, by_column, strict=False)}


_POSITIONS = text("""
INSERT INTO alerts.consumer_offset (topic, partition, next_offset)
SELECT :topic, p, 0 FROM unnest(CAST(:partitions AS int[])) AS p
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = consumer_offset.next_offset
RETURNING partition, next_offset""")


async def positions(connection: AsyncConnection, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Return where to read on; a partition that was never read starts at 0."""
    rows = await connection.execute(_POSITIONS, {"topic": topic, "partitions": list(partitions)})
    return {row.partition: row.next_offset for row in rows}


_ADVANCE = text("""
UPDATE alerts.consumer_offset o SET next_offset = a.next_offset
FROM unnest(CAST(:partitions AS int[]), CAST(:expected AS bigint[]), CAST(:next AS bigint[]))
    AS a(partition, expected, next_offset)
WHERE o.topic = :topic AND o.partition = a.partition AND o.next_offset = a.expected""")


async def advance_offsets(connection: AsyncConnection, topic: str, advance: Advance) -> None:
    """Store the offsets; raises OffsetsMovedError unless the stored ones are the expected ones."""
    values = columns([(p, old, new) for p, (old, new) in advance.items()], ("partitions", "expected", "next"))
    moved = await connection.execute(_ADVANCE, {"topic": topic, **values})
    if moved.rowcount != len(advance):
        raise OffsetsMovedError(topic)


async def count_duplicates(connection: AsyncConnection, topic: str, partition: int, count: int) -> None:
    """Add to the number of records that brought nothing new."""
    statement = text("""UPDATE alerts.consumer_offset SET duplicates = duplicates + :count
        WHERE topic = :topic AND partition = :partition""")
    await connection.execute(statement, {"topic": topic, "partition": partition, "count": count})


# To plan a batch's statements costs more than to run them. One plan is right for all, since nothing is joined but
# tables by their indexes; it is made without knowing how much there is, so it is told to go by them.
_SHARE = text("""
SELECT pg_advisory_xact_lock_shared(hashtext('alerts.subscription')),
    set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)""")


async def share_subscriptions(connection: AsyncConnection) -> None:
    """Keep subscriptions from changing until the transaction ends, so that matching is exact.

    Without it an alert could be matched before a subscription is committed and be recorded after.
    """
    await connection.execute(_SHARE)


_INSERT_ALERTS = text("""
INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at, tenant)
SELECT source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at, tenant
FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:kind AS text[]), CAST(:severity AS text[]),
    CAST(:lane AS text[]), CAST(:happened_at AS timestamptz[]), CAST(:body AS bytea[]),
    CAST(:accepted_at AS timestamptz[]), CAST(:decided_at AS timestamptz[]), CAST(:tenant AS text[]))
    WITH ORDINALITY AS a(source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at, tenant, place)
ORDER BY place
ON CONFLICT (source, id) DO NOTHING
RETURNING alert_no, source, id""")


async def insert_alerts(connection: AsyncConnection, alerts: Sequence[NewAlert]) -> dict[Name, int]:
    """Insert the alerts that are not there yet and return their numbers, which rise in the given order."""
    names = (*NewAlert._fields[:7], "accepted_at", "decided_at", "tenant")
    values = columns([(*alert[:7], alert.accepted_at, alert.decided_at, alert.tenant) for alert in alerts], names)
    rows = await connection.execute(_INSERT_ALERTS, values)
    return {(row.source, row.id): row.alert_no for row in rows}


_BODIES = text("""
SELECT a.source, a.id, a.body
FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS n(source, id) JOIN alerts.alert a USING (source, id)""")


async def stored_bodies(connection: AsyncConnection, names: Sequence[Name]) -> dict[Name, bytes]:
    """Return the bodies that stand under these names."""
    rows = await connection.execute(_BODIES, columns(names, ("sources", "ids")))
    return {(row.source, row.id): row.body for row in rows}


_WAKE = text("""
WITH locked AS (
    SELECT subscription_id FROM alerts.queue WHERE subscription_id = ANY (CAST(:ids AS uuid[]))
    ORDER BY subscription_id FOR UPDATE
), woken AS (
    UPDATE alerts.queue q SET due_at = least(coalesce(q.due_at, now()), now())
    FROM locked l WHERE q.subscription_id = l.subscription_id
)
SELECT pg_notify(:channel, '')""")


async def wake(connection: AsyncConnection, subscription_ids: Iterable[UUID]) -> None:
    """Say that these endpoints have something to be sent; senders hear it at commit.

    It belongs into the transaction that adds the deliveries: a sender that holds a queue's lock may
    have looked for deliveries already, and this waits for that lock before it says that there are some.
    """
    await connection.execute(_WAKE, {"ids": list(subscription_ids), "channel": DUE_CHANNEL})


_LANES = text("""
INSERT INTO alerts.lane AS l (lane_id, commodity_group, origin, destination, exporter, state, previous, since,
    sequence, severity, headline, reasons, alert_no)
SELECT lane_id, commodity_group, origin, destination, exporter, state, previous, since, sequence, severity, headline,
    CAST(reasons AS jsonb), alert_no
FROM unnest(CAST(:lane_id AS text[]), CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
    CAST(:destination AS text[]), CAST(:exporter AS text[]), CAST(:state AS text[]), CAST(:previous AS text[]),
    CAST(:since AS timestamptz[]), CAST(:sequence AS bigint[]), CAST(:severity AS text[]), CAST(:headline AS text[]),
    CAST(:reasons AS text[]), CAST(:alert_no AS bigint[]))
    AS c(lane_id, commodity_group, origin, destination, exporter, state, previous, since, sequence, severity, headline,
    reasons, alert_no)
ON CONFLICT (lane_id) DO UPDATE SET (commodity_group, origin, destination, exporter, state, previous, since, sequence,
    severity, headline, reasons, alert_no) = (excluded.commodity_group, excluded.origin, excluded.destination,
    excluded.exporter, excluded.state, excluded.previous, excluded.since, excluded.sequence, excluded.severity,
    excluded.headline, excluded.reasons, excluded.alert_no)
WHERE l.sequence < excluded.sequence""")


async def update_lanes(connection: AsyncConnection, lanes: Iterable[LaneRow], numbers: dict[Name, int]) -> None:
    """Move lanes forward to the given states; a lane never goes back to a lower sequence."""
    rows = [(*lane[:12], numbers[lane.source, lane.id]) for lane in newest(lanes)]
    await connection.execute(_LANES, columns(rows, (*LaneRow._fields[:12], "alert_no")))


def newest(lanes: Iterable[LaneRow]) -> list[LaneRow]:
    """Return the latest state of each lane, in one order."""
    found: dict[str, LaneRow] = {}
    for lane in lanes:
        if lane.lane_id not in found or found[lane.lane_id].sequence < lane.sequence:
            found[lane.lane_id] = lane
    return [lane for _, lane in sorted(found.items())]


_BURY = text("""
WITH buried AS (
    INSERT INTO alerts.dead_letter (topic, partition, kafka_offset, key, body, reason, pointer)
    SELECT :topic, d.* FROM unnest(CAST(:partition AS int[]), CAST(:kafka_offset AS bigint[]), CAST(:key AS bytea[]),
        CAST(:body AS bytea[]), CAST(:reason AS text[]), CAST(:pointer AS text[])) AS d
    ON CONFLICT (topic, partition, kafka_offset) DO NOTHING
)
SELECT pg_notify(:channel, '')""")


async def bury(connection: AsyncConnection, topic: str, letters: Sequence[DeadLetter]) -> None:
    """Keep records that cannot become alerts; the publisher hears it at commit."""
    values = columns(letters, DeadLetter._fields)
    await connection.execute(_BURY, {"topic": topic, "channel": DEAD_CHANNEL, **values})
