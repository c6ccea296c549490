"""Takes alerts in: offsets, deduplication, matching, the lanes' read model, dead letters."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import is_default, kind_patterns, lookup_keys, rank
from services.alerts.store import DEAD_CHANNEL, DUE_CHANNEL
from shared.consumption import Advance, OffsetsMovedError
from shared.events import FOR_EVERYONE, Scope, Severity

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


async def share_subscriptions(connection: AsyncConnection) -> None:
    """Keep subscriptions from changing until the transaction ends, so that matching is exact.

    Without it an alert could be matched before a subscription is committed and be recorded after.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext('alerts.subscription'))"))


_INSERT_ALERTS = text("""
INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, body)
SELECT source, id, kind, severity, lane, happened_at, body
FROM unnest(CAST(:source AS text[]), CAST(:id AS text[]), CAST(:kind AS text[]), CAST(:severity AS text[]),
    CAST(:lane AS text[]), CAST(:happened_at AS timestamptz[]), CAST(:body AS bytea[]))
    WITH ORDINALITY AS a(source, id, kind, severity, lane, happened_at, body, place)
ORDER BY place
ON CONFLICT (source, id) DO NOTHING
RETURNING alert_no, source, id""")


async def insert_alerts(connection: AsyncConnection, alerts: Sequence[NewAlert]) -> dict[Name, int]:
    """Insert the alerts that are not there yet and return their numbers, which rise in the given order."""
    values = columns([alert[:7] for alert in alerts], NewAlert._fields[:7])
    rows = await connection.execute(_INSERT_ALERTS, values)
    return {(row.source, row.id): row.alert_no for row in rows}


_BODIES = text("""
SELECT a.source, a.id, a.body
FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS n(source, id) JOIN alerts.alert a USING (source, id)""")


async def stored_bodies(connection: AsyncConnection, names: Sequence[Name]) -> dict[Name, bytes]:
    """Return the bodies that stand under these names."""
    rows = await connection.execute(_BODIES, columns(names, ("sources", "ids")))
    return {(row.source, row.id): row.body for row in rows}


_DELIVER = """
WITH alert AS (
    SELECT * FROM unnest(CAST(:alert_no AS bigint[]), CAST(:patterns AS text[]), CAST(:is_default AS boolean[]),
        CAST(:rank AS smallint[]), CAST(:exporter AS text[]), CAST(:lane AS text[]))
        AS a(alert_no, patterns, is_default, rank, exporter, lane)
), matched AS (
    {matched}
), inserted AS (
    INSERT INTO alerts.delivery (subscription_id, alert_no, state, order_key)
    SELECT m.subscription_id, m.alert_no, 'due', a.lane
    FROM matched m JOIN alert a USING (alert_no) JOIN alerts.subscription s USING (subscription_id)
    WHERE a.rank >= s.min_severity
        AND CASE WHEN s.kinds = '{{}}' THEN a.is_default ELSE s.kinds && string_to_array(a.patterns, ' ') END
        AND (a.exporter IS NULL OR s.exporters = '{{}}' OR a.exporter = ANY (s.exporters))
    ORDER BY m.alert_no
    RETURNING subscription_id
), locked AS (
    SELECT subscription_id FROM alerts.queue WHERE subscription_id IN (SELECT subscription_id FROM inserted)
    ORDER BY subscription_id FOR UPDATE
), woken AS (
    UPDATE alerts.queue q SET due_at = least(coalesce(q.due_at, now()), now())
    FROM locked l WHERE q.subscription_id = l.subscription_id
)
SELECT pg_notify(:channel, '') FROM (SELECT count(*) AS deliveries FROM inserted) i WHERE deliveries > 0"""
_MATCH = text(
    _DELIVER.format(
        matched="""
    SELECT DISTINCT k.subscription_id, w.alert_no
    FROM unnest(CAST(:of_alert AS bigint[]), CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
        CAST(:destination AS text[])) AS w(alert_no, commodity_group, origin, destination)
    JOIN alerts.filter_key k USING (commodity_group, origin, destination)"""
    )
)
_MATCH_EVERYONE = text(
    _DELIVER.format(
        matched="""
    SELECT DISTINCT k.subscription_id, alert.alert_no FROM alerts.filter_key k CROSS JOIN alert"""
    )
)
_MATCH_TENANT = text(
    _DELIVER.format(
        matched="""
    SELECT o.subscription_id, alert.alert_no FROM alerts.subscription o CROSS JOIN alert
    WHERE o.tenant = :tenant AND o.state <> 'deleted' AND o.subscription_id <> :but"""
    )
)


async def match(connection: AsyncConnection, alerts: Sequence[tuple[int, NewAlert]]) -> None:
    """Insert a delivery for each alert and subscription that it concerns, and wake the senders: see `wake`."""
    some = [(no, alert) for no, alert in alerts if alert.kind not in FOR_EVERYONE]
    if some:
        wanted = [(no, *key) for no, alert in some for key in lookup_keys(alert.scope)]
        keys = columns(wanted, ("of_alert", "commodity_group", "origin", "destination"))
        await connection.execute(_MATCH, {"channel": DUE_CHANNEL, **_facts(some), **keys})
    if len(some) < len(alerts):
        others = [(no, alert) for no, alert in alerts if alert.kind in FOR_EVERYONE]
        await connection.execute(_MATCH_EVERYONE, {"channel": DUE_CHANNEL, **_facts(others)})


async def match_of_tenant(connection: AsyncConnection, number: int, alert: NewAlert, tenant: str, *, but: UUID) -> None:
    """Insert a delivery for each subscription of a tenant that asks for an alert of its own, `but` for one."""
    values = {"channel": DUE_CHANNEL, "tenant": tenant, "but": but, **_facts([(number, alert)])}
    await connection.execute(_MATCH_TENANT, values)


def _facts(alerts: Iterable[tuple[int, NewAlert]]) -> dict[str, list[Any]]:
    """Return what is compared with subscriptions that an alert concerns."""
    facts = [
        (no, " ".join(kind_patterns(a.kind)), is_default(a.kind), rank(a.severity), _exporter(a), a.lane)
        for no, a in alerts
    ]
    return columns(facts, ("alert_no", "patterns", "is_default", "rank", "exporter", "lane"))


def _exporter(alert: NewAlert) -> str | None:
    return None if alert.kind in FOR_EVERYONE else alert.scope.exporter


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
    newest: dict[str, LaneRow] = {}
    for lane in lanes:
        if lane.lane_id not in newest or newest[lane.lane_id].sequence < lane.sequence:
            newest[lane.lane_id] = lane
    rows = [(*lane[:12], numbers[lane.source, lane.id]) for _, lane in sorted(newest.items())]
    await connection.execute(_LANES, columns(rows, (*LaneRow._fields[:12], "alert_no")))


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
