"""Notices of endpoints that are to be told, and the alerts that tell them to their tenant alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import kind_patterns
from services.alerts.domain.notices import Step
from services.alerts.store import intake, matching
from services.alerts.store.health import OPEN_COUNT
from services.alerts.store.intake import NewAlert


class Untold(NamedTuple):
    """A notice with what is to be said of its subscription."""

    notice_no: int
    subscription_id: UUID
    step: Step
    since: datetime
    happened_at: datetime
    last_error: str | None
    tenant: str
    name: str
    waiting: int


# The lock lasts as long as the transaction: one process at a time tells notices, in their order.
_UNTOLD = text(f"""
SELECT n.notice_no, n.subscription_id, n.step, n.since, n.happened_at, n.last_error, s.tenant, s.name,
    coalesce((SELECT {OPEN_COUNT} FROM alerts.queue q WHERE q.subscription_id = n.subscription_id), 0)
    AS waiting
FROM alerts.notice n JOIN alerts.subscription s USING (subscription_id)
WHERE pg_try_advisory_xact_lock(hashtext('alerts.notice'))
ORDER BY n.notice_no LIMIT :at_once""")
_TOLD = text("DELETE FROM alerts.notice WHERE notice_no = ANY (CAST(:numbers AS bigint[]))")


async def untold(connection: AsyncConnection, at_once: int) -> list[Untold]:
    """Return the oldest notices, for this transaction alone; nothing while another process tells them."""
    return [Untold(*row) for row in await connection.execute(_UNTOLD, {"at_once": at_once})]


_LOCK = text("""
SELECT 1 FROM alerts.queue q JOIN alerts.subscription s USING (subscription_id)
WHERE s.tenant = ANY (CAST(:tenants AS text[])) AND s.state <> 'deleted' AND s.kinds && CAST(:patterns AS text[])
ORDER BY q.subscription_id FOR UPDATE OF q""")


async def lock_told(connection: AsyncConnection, notices: Sequence[Untold], kinds: Iterable[str]) -> None:
    """Lock the queues of all that may be told of these kinds, in order: one after the other could lock crosswise.

    No kind of a notice is told to those that name none.
    """
    tenants = {notice.tenant for notice in notices}
    patterns = {pattern for kind in kinds for pattern in kind_patterns(kind)}
    await connection.execute(_LOCK, {"tenants": sorted(tenants), "patterns": sorted(patterns)})


async def tell(connection: AsyncConnection, notice: Untold, alert: NewAlert) -> None:
    """Record a notice's alert for its tenant, and deliver it to the tenant's subscriptions but the one it is about."""
    numbers = list((await intake.insert_alerts(connection, [alert])).values())
    for number in numbers:
        await matching.deliver_of_tenant(connection, number, alert, notice.tenant, but=notice.subscription_id)


async def settle(connection: AsyncConnection, notices: Sequence[Untold]) -> None:
    """Forget notices that were told."""
    await connection.execute(_TOLD, {"numbers": [notice.notice_no for notice in notices]})
