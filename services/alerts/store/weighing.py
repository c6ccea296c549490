"""Finds the subscriptions of which more than the index has to be asked before an alert is theirs."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.timing import Digest, QuietHours
from services.alerts.store.intake import Numbered
from services.alerts.store.matching import EVERYONE, FOUND, LANE, NUMBER, WANTED, is_any_for_all, lookup


class Candidate(NamedTuple):
    """A subscription and an alert that its filter finds, and what else it says."""

    subscription_id: UUID
    alert_no: int
    order_key: str | None
    has_endpoint: bool
    condition: str | None
    digest: Digest | None
    quiet_hours: QuietHours | None
    release_at: datetime | None
    """When the first of what waits already is to be told."""


def _find(found: str) -> TextClause:
    return text(f"""
WITH matched AS ({found.format(is_weighed="true")})
SELECT m.subscription_id, {NUMBER} AS alert_no, CASE WHEN s.ordering = 'lane' THEN {LANE} END AS order_key,
    s.url IS NOT NULL AS has_endpoint, s.filter ->> 'condition' AS condition, CAST(s.digest AS text) AS digest,
    CAST(s.quiet_hours AS text) AS quiet_hours, q.release_at
FROM matched m JOIN alerts.subscription s USING (subscription_id)
JOIN alerts.queue q USING (subscription_id) WHERE {WANTED}""")


_FIND = {False: _find(FOUND), True: _find(FOUND + EVERYONE)}


async def candidates(connection: AsyncConnection, alerts: Sequence[Numbered]) -> list[Candidate]:
    """Return the weighed subscriptions whose filters find the alerts."""
    rows = await connection.execute(_FIND[is_any_for_all(alerts)], lookup(alerts))
    return [_candidate(row) for row in rows.mappings()]


def _candidate(row: RowMapping) -> Candidate:
    known = dict(row)
    for name, kind in (("digest", Digest), ("quiet_hours", QuietHours)):
        known[name] = _read(row[name], kind)
    return Candidate(**known)


@lru_cache(maxsize=4096)
def _read(written: str | None, kind: type[Any]) -> Any:
    return None if written is None else msgspec.json.decode(written, type=kind)


_NOTE = text("""
UPDATE alerts.subscription s SET condition_failed_at = clock_timestamp(), condition_failure = f.failure
FROM unnest(CAST(:ids AS uuid[]), CAST(:failures AS text[])) AS f(subscription_id, failure)
WHERE s.subscription_id = f.subscription_id""")


async def note_failures(connection: AsyncConnection, failures: dict[UUID, str]) -> None:
    """Keep how subscriptions' conditions failed last."""
    values = dict(sorted(failures.items()))
    await connection.execute(_NOTE, {"ids": list(values), "failures": list(values.values())})
