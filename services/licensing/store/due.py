"""When something happens next though nothing arrives."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.on_clock import moments_of
from services.licensing.store import records, tables
from services.licensing.store.sql import fetch

_FIRST = """
    SELECT least(
        (SELECT min(valid_from) FROM licensing.licence WHERE state = 'issued' AND valid_from > :after),
        (SELECT min(valid_until) FROM licensing.licence
            WHERE state IN ('issued', 'active', 'exhausted', 'suspended') AND valid_until > :after),
        (SELECT min(deadline) FROM licensing.event WHERE status = 'parked' AND deadline > :after)) AS at
"""


async def next_due(c: AsyncConnection, after: datetime) -> datetime | None:
    """Return the first moment after this one at which a tick has something to do, midnights apart."""
    regimes = {row["regime_id"]: records.regime_of(row) for row in await fetch(c, tables.REGIME.select)}
    quotas = {row["quota_id"]: records.quota_of(row) for row in await fetch(c, tables.QUOTA.select)}
    found = [at for at, _, _ in moments_of(regimes, quotas) if at > after]
    ((first,),) = await fetch(c, _FIRST, after=after)
    return min([*found, first] if first is not None else found, default=None)
