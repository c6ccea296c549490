"""Records how attempts ended, many at a time, and what follows for the lanes and endpoints."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.breaker import Health
from services.alerts.domain.delivery import State, Step, after, before
from services.alerts.store import evidence, health, recoveries
from services.alerts.store.health import Standing
from services.alerts.store.intake import columns


class Outcome(NamedTuple):
    """An attempt and what was decided from it."""

    subscription_id: UUID
    delivery_id: UUID
    number: int
    started_at: datetime
    duration_ms: float
    status: int | None
    error: str | None
    response_excerpt: str | None
    result: str
    """`accept`, `fail`, `give up` (of `Step`), or `gone`."""
    order_key: str | None
    frees_lane: bool
    next_step: int
    next_at: datetime | None
    health: Health
    """How the endpoint fares after it."""
    paced_until: datetime | None = None
    """When the endpoint's pace allows the next request."""
    is_recovered: bool = False
    url: str = ""
    """As it is told."""
    sent_to: str = ""
    body_sha256: bytes = b""

    @property
    def is_plain(self) -> bool:
        """Whether it is a first attempt that an endpoint took which is well, so that nothing else follows from it."""
        return (
            self.result == Step.ACCEPT
            and self.number == 1
            and not self.is_recovered
            and self.paced_until is None
            and self.health.is_well
            and self.health.rests_until is None
        )

    @property
    def ended_at(self) -> datetime:
        """When the attempt ended."""
        return self.started_at + timedelta(milliseconds=self.duration_ms)


class Release(NamedTuple):
    """An endpoint that is given back, and up to which of its numbers the worker knew what was recorded for it."""

    subscription_id: UUID
    last_known: int
    is_well: bool = True


GONE = "gone"


_ACCEPTED = text("""
UPDATE alerts.delivery d SET state = :state, settled_at = clock_timestamp(), due_at = NULL, attempts = d.attempts + 1,
    first_attempt_at = coalesce(d.first_attempt_at, o.started_at), last_attempt_at = o.started_at,
    first_accepted_at = coalesce(d.first_accepted_at, o.ended_at)
FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:started_at AS timestamptz[]), CAST(:ended_at AS timestamptz[]))
    AS o(delivery_id, started_at, ended_at)
WHERE d.delivery_id = o.delivery_id AND d.state = ANY (CAST(:states AS text[]))""")

_FAILED = text("""
UPDATE alerts.delivery d SET state = :state, due_at = o.next_at, step = o.next_step, attempts = d.attempts + 1,
    first_attempt_at = coalesce(d.first_attempt_at, o.started_at), last_attempt_at = o.started_at,
    order_key = CASE WHEN o.frees_lane THEN NULL ELSE d.order_key END,
    settled_at = CASE WHEN :is_settled THEN clock_timestamp() END
FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:started_at AS timestamptz[]), CAST(:next_step AS int[]),
    CAST(:next_at AS timestamptz[]), CAST(:frees_lane AS boolean[]))
    AS o(delivery_id, started_at, next_step, next_at, frees_lane)
WHERE d.delivery_id = o.delivery_id AND d.state = ANY (CAST(:states AS text[]))""")

_NOTED = text("""
UPDATE alerts.delivery d SET attempts = d.attempts + 1,
    first_attempt_at = coalesce(d.first_attempt_at, o.started_at), last_attempt_at = o.started_at
FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:started_at AS timestamptz[])) AS o(delivery_id, started_at)
WHERE d.delivery_id = o.delivery_id""")

_FREE_LANES = text("""
UPDATE alerts.delivery d SET state = :state
FROM (SELECT DISTINCT * FROM unnest(CAST(:subscription_id AS uuid[]), CAST(:order_key AS text[]))) AS o(s, k)
WHERE d.subscription_id = o.s AND d.order_key = o.k AND d.state = 'queued'
    AND NOT EXISTS (SELECT FROM alerts.delivery w WHERE w.subscription_id = o.s AND w.order_key = o.k
        AND w.state = 'waiting')
    AND NOT EXISTS (SELECT FROM alerts.delivery w WHERE w.subscription_id = o.s AND w.order_key = o.k
        AND w.state = 'due' AND w.attempts > 0 AND NOT w.is_behind)
RETURNING d.subscription_id""")

_RECOVERED = text("""
UPDATE alerts.delivery d SET state = :state
WHERE d.subscription_id = ANY (CAST(:ids AS uuid[])) AND d.state = 'waiting'
    AND d.last_attempt_at < clock_timestamp() - make_interval(secs => :nudge_after_s)
RETURNING d.subscription_id""")

_QUEUES = text("""
UPDATE alerts.queue q SET
    last_accepted_at = CASE WHEN o.has_accepted THEN clock_timestamp() ELSE q.last_accepted_at END,
    due_at = least(q.due_at, o.look_at,
        CASE WHEN o.is_now OR q.last_sequence > o.last_known THEN clock_timestamp() END),
    paced_until = coalesce(o.paced_until, q.paced_until),
    worker_id = CASE WHEN o.last_known IS NOT NULL THEN NULL ELSE q.worker_id END
FROM unnest(CAST(:subscription_id AS uuid[]), CAST(:has_accepted AS boolean[]), CAST(:look_at AS timestamptz[]),
    CAST(:is_now AS boolean[]), CAST(:paced_until AS timestamptz[]), CAST(:last_known AS bigint[]))
    AS o(subscription_id, has_accepted, look_at, is_now, paced_until, last_known)
WHERE q.subscription_id = o.subscription_id""")

_DISABLE = text("""
WITH closed AS (
    UPDATE alerts.queue q SET is_open = false
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS g(subscription_id, reason)
    WHERE q.subscription_id = g.subscription_id RETURNING g.subscription_id, g.reason
)
UPDATE alerts.subscription s SET state = 'disabled', state_reason = c.reason
FROM closed c WHERE s.subscription_id = c.subscription_id AND s.state = 'active'""")


async def record(
    connection: AsyncConnection,
    worker: UUID,
    outcomes: Sequence[Outcome],
    releases: Sequence[Release],
    *,
    nudge_after_s: float,
) -> None:
    """Store attempts and what follows from them, and give endpoints back.

    Of an endpoint that the worker has lost, or to which the subscription does not lead any more, only what is
    a fact is stored: the attempt, and that the alert was accepted. What such a one did not take is due.
    """
    released = {release.subscription_id: release.last_known for release in releases}
    standing = await health.lock(connection, sorted({o.subscription_id for o in outcomes} | released.keys()))
    own = {subscription_id for subscription_id, its in standing.items() if its.worker == worker}
    turned = {
        o.subscription_id for o in outcomes if o.subscription_id in own and o.sent_to != standing[o.subscription_id].url
    }
    after_it = {o.subscription_id: o.health for o in outcomes if o.subscription_id in own - turned}
    await evidence.append(connection, outcomes)
    accepted = [o for o in outcomes if o.result == Step.ACCEPT]
    others = [_as_fact(o) if o.subscription_id in turned else o for o in outcomes if o.subscription_id in own]
    others = [o for o in others if o.result != Step.ACCEPT]
    recovered = await _recover(connection, standing, {o.subscription_id for o in accepted}, after_it, nudge_after_s)
    await _count_recovered(connection, accepted, others)
    await _move(connection, accepted, others)
    freed = await _free_lanes(connection, [o for o in (*accepted, *others) if o.frees_lane])
    if after_it:
        await health.store(connection, standing, after_it, outcomes[-1].ended_at)
    await _disable(connection, {i: its.given_up for i, its in after_it.items() if its.given_up is not None})
    await _store_queues(connection, outcomes, own, released, freed | recovered | turned)


def _as_fact(outcome: Outcome) -> Outcome:
    return outcome if outcome.result == Step.ACCEPT else outcome._replace(result=GONE, frees_lane=False)


async def _count_recovered(connection: AsyncConnection, accepted: Sequence[Outcome], others: Sequence[Outcome]) -> None:
    given_up = [o.delivery_id for o in others if o.is_recovered and o.result == Step.GIVE_UP]
    await recoveries.settle(connection, [o.delivery_id for o in accepted if o.is_recovered], given_up)


async def _move(connection: AsyncConnection, accepted: Sequence[Outcome], others: Sequence[Outcome]) -> None:
    if accepted:
        ended = [(o.delivery_id, o.started_at, o.ended_at) for o in accepted]
        values = columns(ended, ("delivery_id", "started_at", "ended_at"))
        steps = {"state": after(Step.ACCEPT), "states": before(Step.ACCEPT)}
        await connection.execute(_ACCEPTED, values | steps)
    for step in (Step.FAIL, Step.GIVE_UP):
        rows = [(o.delivery_id, o.started_at, o.next_step, o.next_at, o.frees_lane) for o in others if o.result == step]
        if rows:
            values = columns(rows, ("delivery_id", "started_at", "next_step", "next_at", "frees_lane"))
            is_settled = after(step) == State.EXHAUSTED
            moves: dict[str, Any] = {"state": after(step), "states": before(step), "is_settled": is_settled}
            await connection.execute(_FAILED, {**values, **moves})
    noted = [(o.delivery_id, o.started_at) for o in others if o.result == GONE]
    if noted:
        await connection.execute(_NOTED, columns(noted, ("delivery_id", "started_at")))


async def _free_lanes(connection: AsyncConnection, outcomes: Iterable[Outcome]) -> set[UUID]:
    rows = [(o.subscription_id, o.order_key) for o in outcomes if o.order_key is not None]
    if not rows:
        return set()
    values = columns(rows, ("subscription_id", "order_key"))
    freed = await connection.execute(_FREE_LANES, {"state": after(Step.FREE_LANE), **values})
    return {row.subscription_id for row in freed}


async def _recover(
    connection: AsyncConnection,
    standing: Mapping[UUID, Standing],
    accepted: set[UUID],
    after_it: Mapping[UUID, Health],
    nudge_after_s: float,
) -> set[UUID]:
    """Try what waits for endpoints that failed and take alerts again, without touching its schedule.

    All of it where a breaker has closed; else what was not tried just now, lest a flapping endpoint gets it
    again and again.
    """
    failing = {i for i in accepted if i in standing and not standing[i].health.is_well}
    closed = {i for i in failing if standing[i].health.is_probed and i in after_it and not after_it[i].is_probed}
    found: set[UUID] = set()
    for ids, nudge_s in ((closed, 0.0), (failing - closed, nudge_after_s)):
        if ids:
            values = {"ids": list(ids), "state": after(Step.COME_DUE), "nudge_after_s": nudge_s}
            found |= {row.subscription_id for row in await connection.execute(_RECOVERED, values)}
    return found


async def _disable(connection: AsyncConnection, reasons: Mapping[UUID, str]) -> None:
    if reasons:
        await connection.execute(_DISABLE, {"ids": list(reasons), "reasons": list(reasons.values())})


def _looks(outcome: Outcome) -> tuple[datetime | None, ...]:
    """Return when there is reason to look at the endpoint again."""
    if outcome.result == Step.ACCEPT:
        return (outcome.paced_until,)
    return outcome.next_at, outcome.health.look_at, outcome.health.rests_until, outcome.paced_until


async def _store_queues(
    connection: AsyncConnection,
    outcomes: Sequence[Outcome],
    own: set[UUID],
    released: Mapping[UUID, int],
    look_now: set[UUID],
) -> None:
    by_endpoint: dict[UUID, list[Outcome]] = {i: [] for i in own | released.keys()}
    for outcome in outcomes:
        by_endpoint.setdefault(outcome.subscription_id, []).append(outcome)
    rows = []
    for subscription_id, its in sorted(by_endpoint.items()):
        looks = [at for o in its for at in _looks(o) if at is not None]
        rows.append(
            (
                subscription_id,
                any(o.result == Step.ACCEPT for o in its),
                min(looks, default=None),
                subscription_id in look_now,
                max((o.paced_until for o in its if o.paced_until is not None), default=None),
                released.get(subscription_id) if subscription_id in own else None,
            )
        )
    names = ("subscription_id", "has_accepted", "look_at", "is_now", "paced_until", "last_known")
    await connection.execute(_QUEUES, columns(rows, names))
