"""How endpoints fare, in their queue's row: read with a claim, stored with outcomes, told by the API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.breaker import Health, State
from services.alerts.domain.delivery import Step, after
from services.alerts.domain.notices import news
from services.alerts.domain.pace import Pace
from services.alerts.store import NOTICE_CHANNEL
from services.alerts.store.intake import columns

COLUMNS = """q.breaker AS state, q.strain, q.recent, q.rests, q.failing_since, q.tries, q.rests_until, q.closed_at,
    q.last_error"""
_NAMES = ("state", "strain", "recent", "rests", "failing_since", "tries", "rests_until", "closed_at", "last_error")


class Row(Protocol):
    """A row of whichever library."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column."""


def health_of(row: Row) -> Health:
    """Return the health in a row of `COLUMNS`."""
    return Health(**{name: row[name] for name in _NAMES} | {"state": State(row["state"])})


class Standing(NamedTuple):
    """What is stored of an endpoint while its queue is locked."""

    worker: UUID | None
    health: Health
    told: str | None
    url: str | None
    """Where the subscription leads."""


_LOCK = text(f"""
SELECT q.subscription_id, q.worker_id, q.told, s.url, {COLUMNS}
FROM alerts.queue q JOIN alerts.subscription s USING (subscription_id)
WHERE q.subscription_id = ANY (CAST(:ids AS uuid[])) ORDER BY q.subscription_id FOR UPDATE OF q""")


async def lock(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Lock queues and return how their endpoints stand; those that are gone are left out."""
    rows = (await connection.execute(_LOCK, {"ids": ids})).mappings()
    return {row["subscription_id"]: Standing(row["worker_id"], health_of(row), row["told"], row["url"]) for row in rows}


_STORE = text("""
UPDATE alerts.queue q SET breaker = h.state, strain = h.strain, recent = h.recent, rests = h.rests,
    failing_since = h.failing_since, tries = h.tries, rests_until = h.rests_until, closed_at = h.closed_at,
    last_error = h.last_error, told = h.told
FROM unnest(CAST(:subscription_id AS uuid[]), CAST(:state AS text[]), CAST(:strain AS int[]), CAST(:recent AS int[]),
    CAST(:rests AS int[]), CAST(:failing_since AS timestamptz[]), CAST(:tries AS int[]),
    CAST(:rests_until AS timestamptz[]), CAST(:closed_at AS timestamptz[]), CAST(:last_error AS text[]),
    CAST(:told AS text[]))
    AS h(subscription_id, state, strain, recent, rests, failing_since, tries, rests_until, closed_at, last_error, told)
WHERE q.subscription_id = h.subscription_id""")
_NOTICES = text("""
WITH told AS (
    INSERT INTO alerts.notice (subscription_id, step, since, happened_at, last_error)
    SELECT * FROM unnest(CAST(:subscription_id AS uuid[]), CAST(:step AS text[]), CAST(:since AS timestamptz[]),
        CAST(:happened_at AS timestamptz[]), CAST(:last_error AS text[]))
)
SELECT pg_notify(:channel, '')""")


async def store(
    connection: AsyncConnection, standing: Mapping[UUID, Standing], new: Mapping[UUID, Health], now: datetime
) -> None:
    """Store what has changed of locked endpoints, and what is to be told of it: once for each change."""
    rows: list[Sequence[Any]] = []
    notices: list[Sequence[Any]] = []
    for subscription_id, health in sorted(new.items()):
        old = standing[subscription_id]
        notice = news(old.told, old.health, health, now)
        told = old.told if notice is None else notice.told
        if notice is not None:
            notices.append((subscription_id, notice.step, notice.since, now, notice.last_error))
        if notice is not None or health != old.health:
            rows.append((subscription_id, *(getattr(health, name) for name in _NAMES), told))
    if rows:
        await connection.execute(_STORE, columns(rows, ("subscription_id", *_NAMES, "told")))
    if notices:
        names = ("subscription_id", "step", "since", "happened_at", "last_error")
        await connection.execute(_NOTICES, {"channel": NOTICE_CHANNEL, **columns(notices, names)})


_AFRESH = text("""
UPDATE alerts.queue SET breaker = CASE WHEN breaker = 'closed' AND told IS NULL THEN 'closed' ELSE 'half_open' END,
    strain = 0, recent = 1, rests = 0, failing_since = NULL, tries = 0, rests_until = NULL,
    told = CASE WHEN told IS NOT NULL THEN 'failing' END
WHERE subscription_id = :id""")
_ASK_NOW = text("""
UPDATE alerts.queue SET rests_until = NULL WHERE subscription_id = :id AND breaker = 'open'""")


async def begin_afresh(connection: AsyncConnection, subscription_id: UUID) -> None:
    """Forget an endpoint's failures when somebody resumes it; one that failed has to show that it takes alerts."""
    await connection.execute(_AFRESH, {"id": subscription_id})


async def ask_now(connection: AsyncConnection, subscription_id: UUID) -> None:
    """End the rest of an endpoint, because somebody wants to see whether it works again."""
    await connection.execute(_ASK_NOW, {"id": subscription_id})


_SET_PACE = text("""
UPDATE alerts.queue SET max_per_second = :max_per_second, max_in_flight = :max_in_flight,
    due_at = clock_timestamp()
WHERE subscription_id = :id""")


async def set_pace(connection: AsyncConnection, subscription_id: UUID, pace: Pace) -> None:
    """Set how fast an endpoint may be sent to."""
    values = {"max_per_second": pace.max_per_second, "max_in_flight": pace.max_in_flight, "id": subscription_id}
    await connection.execute(_SET_PACE, values)


class Shown(NamedTuple):
    """How an endpoint fares, for those who ask."""

    state: str
    failing_since: datetime | None
    tries_since: int
    next_try_at: datetime | None
    last_error: str | None
    last_accepted_at: datetime | None
    open_deliveries: int
    max_per_second: float | None
    max_in_flight: int | None


_COUNTED = "(SELECT count(*) FROM alerts.delivery d WHERE d.subscription_id = q.subscription_id AND d.{})"
OPEN_COUNT = " + ".join(
    _COUNTED.format(which)
    # Each has an index of its own.
    for which in (
        "state = 'due' AND d.attempts = 0 AND NOT d.is_behind",
        "state = 'due' AND d.attempts > 0 AND NOT d.is_behind",
        "state = 'due' AND d.is_behind AND d.recovery_id IS NOT NULL",
        "state = 'waiting'",
        "state = 'queued'",
    )
)
"""How many deliveries of the queue `q` are open."""

_SHOW = text(f"""
SELECT q.subscription_id,
    CASE WHEN q.breaker = 'open' AND q.rests_until <= clock_timestamp() THEN 'half_open' ELSE q.breaker END AS state,
    q.failing_since, q.tries AS tries_since,
    CASE WHEN q.is_open AND (q.failing_since IS NOT NULL OR q.breaker <> 'closed')
        THEN greatest(q.due_at, q.rests_until, q.paced_until) END AS next_try_at,
    q.last_error, q.last_accepted_at,
    {OPEN_COUNT}
    AS open_deliveries, q.max_per_second, q.max_in_flight
FROM alerts.queue q WHERE q.subscription_id = ANY (CAST(:ids AS uuid[]))""")


async def shown(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Shown]:
    """Return how endpoints fare."""
    rows = (await connection.execute(_SHOW, {"ids": list(ids)})).all()
    return {row[0]: Shown(*row[1:]) for row in rows}


_LONGEST_AGO = """
    SELECT d.delivery_id FROM alerts.delivery d WHERE d.subscription_id = p.subscription_id AND d.state = 'waiting'
    ORDER BY d.last_attempt_at LIMIT 1"""
_NEXT_OF_LANE = """
    SELECT d.delivery_id FROM alerts.delivery d JOIN alerts.delivery w ON w.subscription_id = d.subscription_id
        AND w.order_key = d.order_key AND w.state = 'waiting'
        AND w.first_attempt_at < clock_timestamp() - make_interval(secs => :order_hold_s)
    WHERE d.subscription_id = p.subscription_id AND d.state = 'queued'
    ORDER BY d.alert_no LIMIT 1"""
_BRING_ON = """
UPDATE alerts.delivery d SET state = :due FROM unnest(CAST(:ids AS uuid[])) AS p(subscription_id)
WHERE d.delivery_id = ({which}) RETURNING d.delivery_id"""


async def bring_on(connection: AsyncConnection, ids: Sequence[UUID]) -> list[UUID]:
    """Make what each endpoint was tried with longest ago due, for a probe; return these deliveries."""
    values = {"ids": list(ids), "due": after(Step.COME_DUE)}
    rows = await connection.execute(text(_BRING_ON.format(which=_LONGEST_AGO)), values)
    return [row.delivery_id for row in rows]


async def pass_over(connection: AsyncConnection, ids: Sequence[UUID], order_hold_s: float) -> list[UUID]:
    """Make the next of a lane due, for a probe, where the first has held it for longer than `order_hold_s`.

    The fault may be the first one's own. Where it is not, the next waits too, and both keep their places.
    """
    values = {"ids": list(ids), "due": after(Step.FREE_LANE), "order_hold_s": order_hold_s}
    rows = await connection.execute(text(_BRING_ON.format(which=_NEXT_OF_LANE)), values)
    return [row.delivery_id for row in rows]
