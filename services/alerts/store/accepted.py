"""Records first attempts that endpoints accepted, nearly all that there are, by one call of the database.

What the call asks for and does stands in the migration that makes it. Whatever is not so plain goes by `outcomes`.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.alerts.domain.delivery import Step, after, before
from services.alerts.domain.evidence import around_number, link_of
from services.alerts.store.intake import columns
from services.alerts.store.outcomes import Outcome, Release

_CALL = "SELECT alerts.record_accepted($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
_STEPS = before(Step.ACCEPT), after(Step.ACCEPT)


class Plain(NamedTuple):
    """Of some answers, those of endpoints that only took first attempts, and all others."""

    outcomes: list[Outcome]
    releases: list[Release]
    other_outcomes: list[Outcome]
    other_releases: list[Release]


def plain(outcomes: Sequence[Outcome], releases: Iterable[Release]) -> Plain:
    """Return what one call can record, and the rest; an endpoint's answers stay together, in their order."""
    others = {o.subscription_id for o in outcomes if not o.is_plain}
    found = Plain([], [], [], [])
    for outcome in outcomes:
        (found.other_outcomes if outcome.subscription_id in others else found.outcomes).append(outcome)
    for release in releases:
        is_plain = release.is_well and release.subscription_id not in others
        (found.releases if is_plain else found.other_releases).append(release)
    return found


async def record(
    connection: "asyncpg.Connection[asyncpg.Record]",
    worker: UUID,
    outcomes: Sequence[Outcome],
    releases: Sequence[Release],
) -> bool:
    """Record accepted first attempts and give endpoints back, in a transaction of its own.

    Returns False, and changes nothing, when one of the endpoints is not as plain in the database, or one of the
    attempts is recorded already.
    """
    released = {release.subscription_id: release.last_known for release in releases}
    recents: dict[UUID, int | None] = dict.fromkeys(released)
    recents |= {o.subscription_id: o.health.recent for o in outcomes}
    endpoints = sorted(recents)
    rows = [_row(o) for o in sorted(outcomes, key=lambda o: o.subscription_id)]
    try:
        is_done: bool = await connection.fetchval(
            _CALL,
            worker,
            endpoints,
            [recents[i] for i in endpoints],
            [i in released for i in endpoints],
            [released.get(i, 0) for i in endpoints],
            *columns(rows, _NAMES).values(),
            *_STEPS,
        )
    except asyncpg.UniqueViolationError:
        return False
    return is_done


_NAMES = (
    *("subscription_id", "delivery_id", "started_at", "duration_ms", "status", "response_excerpt", "url"),
    *("body_sha256", "before", "after"),
)


def _row(o: Outcome) -> tuple[object, ...]:
    said = around_number(link_of(o, 0))
    who = o.subscription_id, o.delivery_id
    return *who, o.started_at, o.duration_ms, o.status, o.response_excerpt, o.url, o.body_sha256, *said
