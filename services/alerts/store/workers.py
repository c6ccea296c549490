"""Who sends: a process shows that it is alive, and what was claimed by one that does not is free again."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.store import DUE_CHANNEL

_BEAT = text("""
UPDATE alerts.worker SET alive_until = clock_timestamp() + make_interval(secs => :lease_s)
WHERE worker_id = :worker""")
_ENROL = text("""
INSERT INTO alerts.worker (worker_id, instance, alive_until)
VALUES (:worker, :instance, clock_timestamp() + make_interval(secs => :lease_s))
ON CONFLICT (instance) DO UPDATE SET worker_id = excluded.worker_id, alive_until = excluded.alive_until""")
# A claim may also name a worker that is not there any more: it was killed and has started anew, or it
# slept through its removal and claimed on.
# How much of its pace it had used up died with it, so that the next token is a whole interval away.
_FREE = """
    UPDATE alerts.queue q SET worker_id = NULL, due_at = clock_timestamp(), paced_until = greatest(q.paced_until,
        clock_timestamp() + make_interval(secs => 1 / q.max_per_second))
    FROM locked l WHERE q.subscription_id = l.subscription_id"""
_SWEEP = text(f"""
WITH lapsed AS (
    DELETE FROM alerts.worker WHERE alive_until < clock_timestamp() RETURNING worker_id
), locked AS (
    SELECT q.subscription_id FROM alerts.queue q
    WHERE q.worker_id IN (SELECT worker_id FROM lapsed)
        OR (q.worker_id IS NOT NULL AND NOT EXISTS (SELECT FROM alerts.worker w WHERE w.worker_id = q.worker_id))
    ORDER BY q.subscription_id FOR UPDATE OF q SKIP LOCKED
), freed AS (
    {_FREE} RETURNING 1
)
SELECT pg_notify(:channel, '') FROM (SELECT count(*) AS n FROM freed) f WHERE n > 0""")


async def enrol(connection: AsyncConnection, worker: UUID, instance: str, lease_s: float) -> None:
    """Let a worker claim from now on, in place of the one that bore this instance's name before."""
    await connection.execute(_ENROL, {"worker": worker, "instance": instance, "lease_s": lease_s})


async def beat(connection: AsyncConnection, worker: UUID, lease_s: float) -> bool:
    """Show that a worker is alive; return False when its claims were freed because it was silent for too long."""
    return (await connection.execute(_BEAT, {"worker": worker, "lease_s": lease_s})).rowcount == 1


async def sweep(connection: AsyncConnection) -> None:
    """Free the claims of workers that were silent for too long."""
    await connection.execute(_SWEEP, {"channel": DUE_CHANNEL})


_LEAVE = text(f"""
WITH locked AS (
    SELECT subscription_id FROM alerts.queue WHERE worker_id = :worker ORDER BY subscription_id FOR UPDATE
), freed AS (
    {_FREE}
), gone AS (
    DELETE FROM alerts.worker WHERE worker_id = :worker
)
SELECT pg_notify(:channel, '')""")


async def leave(connection: AsyncConnection, worker: UUID) -> None:
    """Hand back all that a worker has claimed."""
    await connection.execute(_LEAVE, {"worker": worker, "channel": DUE_CHANNEL})
