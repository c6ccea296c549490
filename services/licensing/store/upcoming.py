"""What a calendar is made of, read from licensing's tables, within bounds."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.forecasting import FEWEST_DRAWS
from services.licensing.domain.licences import Licence
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from services.licensing.store import records, tables

MOST_LICENCES = 10_000
"""So many licences are looked through at most for those that are asked for."""

_OWNED = "replace(replace(l.licence_id, '%', '%25'), ':', '%3A')"
# Written as the index on the ends of licences has it, which then gives the order too.
_ENDING = text(f"""
    {tables.LICENCE.select} WHERE state IN ('issued', 'active', 'exhausted', 'suspended')
    AND valid_until > :since AND valid_until <= :until AND (CAST(:exporter AS text) IS NULL OR exporter = :exporter)
    ORDER BY valid_until, licence_id LIMIT :most
""")
_DRAWN_ON = text(f"""
    {tables.LICENCE.select} l CROSS JOIN LATERAL (
        SELECT min((a.granted - a.reserved - a.written_off)::numeric / nullif(a.granted, 0)) AS share
        FROM licensing.account a WHERE a.account_id > 'licence:' || {_OWNED} || ':'
        AND a.account_id < 'licence:' || {_OWNED} || ';' AND a.entries > :fewest
    ) s WHERE state = 'active' AND share > 0 AND (CAST(:exporter AS text) IS NULL OR exporter = :exporter)
    ORDER BY share, licence_id LIMIT :most
""")
_REVISIONS = text("""
    SELECT entity, count(*) AS number, max(recorded_at) AS at FROM licensing.event
    WHERE entity = ANY(:entities) AND status = 'decided' GROUP BY entity
""")
_LATEST_ENTRIES = text("""
    SELECT a.account_id AS entity, a.entries AS number, e.recorded_at AS at
    FROM licensing.account a JOIN licensing.ledger_entry e ON e.account_id = a.account_id AND e.number = a.entries
    WHERE a.account_id = ANY(:accounts)
""")


class Revision(NamedTuple):
    """How often a thing was changed, which never goes down, and when last."""

    number: int
    at: datetime


async def ending(c: AsyncConnection, since: datetime, until: datetime, exporter: str | None) -> list[Licence]:
    """Return the licences in use whose validity ends after one time and by another, the first to end first."""
    asked = {"since": since, "until": until, "exporter": exporter, "most": MOST_LICENCES}
    return [records.licence_of(row) for row in await c.execute(_ENDING, asked)]


async def drawn_on(c: AsyncConnection, exporter: str | None) -> list[Licence]:
    """Return the active licences with enough draws for a forecast, first those with the least share left."""
    asked = {"exporter": exporter, "fewest": FEWEST_DRAWS, "most": MOST_LICENCES}
    return [records.licence_of(row) for row in await c.execute(_DRAWN_ON, asked)]


async def quotas(c: AsyncConnection) -> list[Quota]:
    """Return all quotas."""
    rows = await c.execute(text(f"{tables.QUOTA.select} ORDER BY quota_id"))
    return [records.quota_of(row) for row in rows]


async def regimes(c: AsyncConnection) -> list[Regime]:
    """Return all regimes."""
    rows = await c.execute(text(f"{tables.REGIME.select} ORDER BY regime_id"))
    return [records.regime_of(row) for row in rows]


async def revisions(c: AsyncConnection, entities: Collection[str]) -> dict[str, Revision]:
    """Return how often things (`licence:L-7`) were spoken of; what is taken back was spoken of once more."""
    rows = await c.execute(_REVISIONS, {"entities": sorted(entities)})
    return {row.entity: Revision(row.number, row.at) for row in rows}


async def latest_entries(c: AsyncConnection, accounts: Collection[str]) -> dict[str, Revision]:
    """Return how many entries accounts have, and when the latest was made."""
    rows = await c.execute(_LATEST_ENTRIES, {"accounts": sorted(accounts)})
    return {row.entity: Revision(row.number, row.at) for row in rows}
