"""Counts what somebody has endpoints sent: see `domain.asking`."""

from collections.abc import Sequence
from math import ceil
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.asking import Bound
from services.alerts.domain.delivery import OPEN
from services.alerts.domain.pings import TEST_SOURCE
from services.alerts.store.intake import columns

_FORGET = text("""
DELETE FROM alerts.asked WHERE who IN (SELECT who FROM alerts.asked
    WHERE began < clock_timestamp() - interval '1 hour' LIMIT 100 FOR UPDATE SKIP LOCKED)""")
# In one order, so that two that ask for the same cannot wait for each other.
_COUNT = text("""
INSERT INTO alerts.asked AS a (who, began, count, most)
SELECT who, clock_timestamp(), 1, most FROM unnest(CAST(:who AS text[]), CAST(:most AS int[])) AS b(who, most)
ORDER BY who
ON CONFLICT (who) DO UPDATE SET most = excluded.most,
    began = CASE WHEN a.began <= clock_timestamp() - interval '1 minute' THEN clock_timestamp() ELSE a.began END,
    count = CASE WHEN a.began <= clock_timestamp() - interval '1 minute' THEN 1 ELSE a.count + 1 END
RETURNING CASE WHEN count > most
    THEN extract(epoch FROM began + interval '1 minute' - clock_timestamp()) ELSE 0 END AS wait_s""")


async def count(connection: AsyncConnection, bounds: Sequence[Bound]) -> int:
    """Count one more under each name; return 0, or how many seconds to wait: then the caller is to roll back."""
    await connection.execute(_FORGET)
    waits = (await connection.execute(_COUNT, columns(bounds, Bound._fields))).scalars()
    return max(ceil(float(wait_s)) for wait_s in waits)


# Only the latest are looked at, so that this costs the same whatever waits for the endpoint.
_OPEN = text("""
SELECT count(*) FROM (
    SELECT state, alert_no FROM alerts.delivery WHERE subscription_id = :id ORDER BY delivery_id DESC LIMIT 1000) d
JOIN alerts.alert a USING (alert_no) WHERE d.state = ANY (CAST(:open AS text[])) AND a.source = :test""")


async def open_tests(connection: AsyncConnection, subscription_id: UUID) -> int:
    """Return how many of a subscription's latest deliveries are tests that are still to be delivered."""
    values = {"id": subscription_id, "open": [state.value for state in OPEN], "test": TEST_SOURCE}
    return int((await connection.execute(_OPEN, values)).scalar_one())
