"""Recoveries: jobs that make past deliveries of a subscription once more, a portion at a time.

A step is one transaction. It holds the job's advisory lock, so that one process at a time works at it and any may
take over; the queue's lock, as whoever changes deliveries; and it stores the place that it has come to.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.delivery import Step, after, before
from services.alerts.domain.filters import PING
from services.alerts.domain.pings import TEST_SOURCE
from services.alerts.domain.recovery import LANE_PREFIX, What, portion, taken_states
from services.alerts.store import RECOVERY_CHANNEL, intake
from services.alerts.store.subscriptions import lock_queue

COUNTED_AT_ONCE = 50_000
LOOKED_AT_ONCE = 20_000
UNORDERED = timedelta(minutes=1)
"""Numbers follow times but for statements that run side by side, and none runs longer than this."""


class NewRecovery(NamedTuple):
    """What a recovery is created from."""

    subscription_id: UUID
    what: What
    in_order: bool
    since: datetime | None
    until: datetime | None
    after_delivery: UUID | None


# The least number whose alert was recorded at the time or later. Numbers have gaps.
_NUMBER_AT = text("""
WITH RECURSIVE search(low, high) AS (
    SELECT CAST(1 AS bigint), coalesce(max(alert_no), 0) + 1 FROM alerts.alert
    UNION ALL
    SELECT CASE WHEN found.recorded_at < :at THEN found.alert_no + 1 ELSE low END,
        CASE WHEN found.recorded_at < :at THEN high ELSE middle.no END
    FROM search CROSS JOIN LATERAL (SELECT (low + high) / 2 AS no) middle
    CROSS JOIN LATERAL (
        SELECT alert_no, recorded_at FROM alerts.alert WHERE alert_no >= middle.no ORDER BY alert_no LIMIT 1) found
    WHERE low < high
)
SELECT low FROM search WHERE low >= high""")
_NUMBER_OF = text("SELECT alert_no FROM alerts.delivery WHERE delivery_id = :delivery AND subscription_id = :id")
_LAST = text("SELECT coalesce(max(alert_no), 0) FROM alerts.delivery WHERE subscription_id = :id")

_INSERT = text("""
INSERT INTO alerts.recovery (subscription_id, what, in_order, since, until, after_no, until_no, counted_no, taken_no)
VALUES (:id, :what, :in_order, :since, :until, :after_no, :until_no, :after_no, :after_no)
ON CONFLICT (subscription_id) WHERE state IN ('counting', 'running') DO NOTHING
RETURNING recovery_id""")


async def number_after(connection: AsyncConnection, new: NewRecovery) -> int | None:
    """Return the number of the alert after which a recovery begins; None when it has no such delivery."""
    if new.after_delivery is not None:
        values = {"delivery": new.after_delivery, "id": new.subscription_id}
        found: int | None = (await connection.execute(_NUMBER_OF, values)).scalar_one_or_none()
        return found
    if new.since is None:
        return 0
    return await number_at(connection, new.since - UNORDERED) - 1


async def number_at(connection: AsyncConnection, at: datetime) -> int:
    """Return the least number whose alert was recorded at a time or later; one above all when there is none."""
    return int((await connection.execute(_NUMBER_AT, {"at": at})).scalar_one())


async def create(connection: AsyncConnection, new: NewRecovery, after_no: int) -> UUID | None:
    """Record a recovery of what is there now; None while another one of the subscription's goes on."""
    until_no = (await connection.execute(_LAST, {"id": new.subscription_id})).scalar_one()
    values = {
        "id": new.subscription_id,
        "what": new.what,
        "in_order": new.in_order,
        "since": new.since,
        "until": new.until,
        "after_no": after_no,
        "until_no": max(after_no, until_no),
    }
    created: UUID | None = (await connection.execute(_INSERT, values)).scalar_one_or_none()
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": RECOVERY_CHANNEL})
    return created


_SHOWN = """SELECT recovery_id, subscription_id, what, in_order, since, until, state, total, taken, delivered, failed,
    created_at, finished_at FROM alerts.recovery WHERE subscription_id = :id"""


async def get(connection: AsyncConnection, subscription_id: UUID, recovery_id: UUID) -> RowMapping | None:
    """Return one recovery of a subscription's."""
    statement = text(f"{_SHOWN} AND recovery_id = :recovery")
    values = {"id": subscription_id, "recovery": recovery_id}
    return (await connection.execute(statement, values)).mappings().one_or_none()


async def page(
    connection: AsyncConnection, subscription_id: UUID, limit: int, before_id: UUID | None
) -> list[RowMapping]:
    """Return a subscription's recoveries, the newest first, from before one on."""
    earlier = "" if before_id is None else " AND recovery_id < :before"
    statement = text(f"{_SHOWN}{earlier} ORDER BY recovery_id DESC LIMIT :limit")
    values = {"id": subscription_id, "before": before_id, "limit": limit}
    return list((await connection.execute(statement, values)).mappings())


async def stop(connection: AsyncConnection, recovery_id: UUID) -> None:
    """Take nothing more; what was handed to the queue goes out. One that has ended stays as it is."""
    statement = text("""UPDATE alerts.recovery SET state = 'stopped', finished_at = clock_timestamp()
        WHERE recovery_id = :id AND state IN ('counting', 'running')""")
    await connection.execute(statement, {"id": recovery_id})


async def stop_of(connection: AsyncConnection, subscription_id: UUID) -> None:
    """Stop the recovery of a subscription that has no endpoint any more; its queue is locked."""
    statement = text("""UPDATE alerts.recovery SET state = 'stopped', finished_at = clock_timestamp()
        WHERE subscription_id = :id AND state IN ('counting', 'running')""")
    await connection.execute(statement, {"id": subscription_id})


async def active(connection: AsyncConnection) -> list[UUID]:
    """Return the recoveries that go on."""
    statement = text("SELECT recovery_id FROM alerts.recovery WHERE state IN ('counting', 'running')")
    return list((await connection.execute(statement)).scalars())


_TRY = text("SELECT pg_try_advisory_xact_lock(hashtext('alerts.recovery'), hashtext(:id))")
_OF = text("SELECT subscription_id FROM alerts.recovery WHERE recovery_id = :id")
_LOCK = text("SELECT * FROM alerts.recovery WHERE recovery_id = :id AND state IN ('counting', 'running') FOR UPDATE")


async def step(connection: AsyncConnection, recovery_id: UUID) -> bool:
    """Bring a recovery on by one step, unless another process is at it; return whether that did something."""
    if not (await connection.execute(_TRY, {"id": str(recovery_id)})).scalar_one():
        return False
    subscription_id = (await connection.execute(_OF, {"id": recovery_id})).scalar_one()
    # The queue's lock first: whoever records outcomes has it when he counts what was recovered.
    if not await lock_queue(connection, subscription_id):
        await stop(connection, recovery_id)
        return True
    job = (await connection.execute(_LOCK, {"id": recovery_id})).one_or_none()
    if job is None:
        return False
    return await (_count if job.state == "counting" else _hand_over)(connection, job)


# Those of them that are wanted, and how far that looked.
_WALK = """
WITH walked AS (
    SELECT delivery_id, alert_no, state FROM alerts.delivery
    WHERE subscription_id = :id AND alert_no > :place AND alert_no <= :until_no ORDER BY alert_no LIMIT :look
), wanted AS (
    SELECT w.delivery_id, w.alert_no, w.state, a.lane FROM walked w JOIN alerts.alert a USING (alert_no)
    WHERE w.state = ANY (CAST(:states AS text[])) AND a.kind <> :ping AND a.source <> :test
        AND (CAST(:since AS timestamptz) IS NULL OR a.recorded_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR a.recorded_at < :until)
    ORDER BY w.alert_no LIMIT :at_most
)"""
_COUNT = text(f"""{_WALK}
SELECT (SELECT count(*) FROM wanted) AS wanted, (SELECT count(*) FROM walked) AS walked,
    (SELECT max(alert_no) FROM walked) AS last""")
_COUNTED = text("""
UPDATE alerts.recovery SET total = total + :wanted, counted_no = :place, state = :state WHERE recovery_id = :id""")


def _walk(job: Row[tuple[object, ...]], place: int, look: int, at_most: int) -> dict[str, object]:
    return {
        "id": job.subscription_id,
        "place": place,
        "until_no": job.until_no,
        "look": look,
        "states": taken_states(job.what),
        "ping": PING,
        "test": TEST_SOURCE,
        "since": job.since,
        "until": job.until,
        "at_most": at_most,
    }


async def _count(connection: AsyncConnection, job: Row[tuple[object, ...]]) -> bool:
    values = _walk(job, job.counted_no, COUNTED_AT_ONCE, COUNTED_AT_ONCE)
    found = (await connection.execute(_COUNT, values)).one()
    is_end = found.walked < COUNTED_AT_ONCE
    place = job.until_no if is_end else found.last
    state = "running" if is_end else "counting"
    values = {"id": job.recovery_id, "wanted": found.wanted, "place": place, "state": state}
    await connection.execute(_COUNTED, values)
    return True


_DUE = text("SELECT count(*) FROM alerts.delivery WHERE subscription_id = :id AND state = 'due' AND recovery_id = :job")
# What waits keeps its place in its lane, before what came later; all else comes behind the first attempts.
_TAKE = text(f"""{_WALK}, taken AS (
    UPDATE alerts.delivery d SET state = :due, recovery_id = :job, is_behind = w.state <> 'waiting',
        settled_at = NULL, due_at = NULL, step = 0, first_attempt_at = NULL,
        order_key = CASE WHEN w.state = 'waiting' THEN d.order_key WHEN :in_order THEN :prefix || w.lane END
    FROM wanted w WHERE d.delivery_id = w.delivery_id RETURNING d.alert_no
)
SELECT (SELECT count(*) FROM taken) AS taken, (SELECT max(alert_no) FROM taken) AS last_taken,
    (SELECT count(*) FROM walked) AS walked, (SELECT max(alert_no) FROM walked) AS last""")
_TAKEN = text("""
UPDATE alerts.recovery SET taken = taken + :taken, taken_no = :place WHERE recovery_id = :id""")
_FINISH = text("""
UPDATE alerts.recovery SET state = 'done', total = taken, finished_at = clock_timestamp()
WHERE recovery_id = :id AND taken_no >= until_no AND delivered + failed >= taken""")


async def _hand_over(connection: AsyncConnection, job: Row[tuple[object, ...]]) -> bool:
    if job.taken_no >= job.until_no:
        return (await connection.execute(_FINISH, {"id": job.recovery_id})).rowcount == 1
    ids = {"id": job.subscription_id, "job": job.recovery_id}
    at_most = portion((await connection.execute(_DUE, ids)).scalar_one())
    if not at_most:
        return False
    values = _walk(job, job.taken_no, LOOKED_AT_ONCE, at_most)
    moves = {"due": after(Step.REDELIVER), "job": job.recovery_id, "in_order": job.in_order, "prefix": LANE_PREFIX}
    found = (await connection.execute(_TAKE, values | moves)).one()
    if found.taken == at_most:
        place = found.last_taken
    else:
        place = found.last if found.walked == LOOKED_AT_ONCE else job.until_no
    await connection.execute(_TAKEN, {"id": job.recovery_id, "taken": found.taken, "place": place})
    if found.taken:
        await intake.wake(connection, [job.subscription_id])
    return True


_SETTLE = text("""
UPDATE alerts.recovery r SET delivered = r.delivered + s.accepted, failed = r.failed + s.given_up
FROM (
    SELECT d.recovery_id, count(*) FILTER (WHERE o.is_accepted) AS accepted,
        count(*) FILTER (WHERE NOT o.is_accepted) AS given_up
    FROM unnest(CAST(:ids AS uuid[]), CAST(:accepted AS boolean[])) AS o(delivery_id, is_accepted)
    JOIN alerts.delivery d USING (delivery_id)
    WHERE d.state = ANY (CASE WHEN o.is_accepted THEN CAST(:acceptable AS text[]) ELSE CAST(:failing AS text[]) END)
    GROUP BY d.recovery_id
) s
WHERE r.recovery_id = s.recovery_id""")


async def settle(connection: AsyncConnection, accepted: list[UUID], given_up: list[UUID]) -> None:
    """Count recovered deliveries that are about to be settled; the caller holds their queues' locks."""
    if not (accepted or given_up):
        return
    values = {
        "ids": accepted + given_up,
        "accepted": [True] * len(accepted) + [False] * len(given_up),
        "acceptable": before(Step.ACCEPT),
        "failing": before(Step.GIVE_UP),
    }
    await connection.execute(_SETTLE, values)
