"""What was drawn of an account in its recent past, by days on which anything could be.

A draw is a shipment's: all that it took less all that it gave back, on the day of its declaration. Reservations
count, not write-offs: they take from what is left, and a clearance then moves nothing. A correction
therefore changes the draw that it corrects, and a shipment that was cancelled has drawn nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.licensing.domain.forecasting import WINDOW_DAYS, Past

_DAY = timedelta(days=1)


class Drawn(NamedTuple):
    """What was drawn within one day, so many whole days ago, and by how many draws."""

    age: int
    amount: int
    draws: int


class Empty(NamedTuple):
    """When an account had nothing left; no `until`: it still has nothing."""

    since: datetime
    until: datetime | None


class Drawings(NamedTuple):
    """An account with its recent draws; `since`: from then on its entries are known, and none of them is of before."""

    account_id: str
    unit: str
    left: int
    since: datetime
    drawn: list[Drawn]
    empty: list[Empty]


def past_of(account: Drawings, since: datetime, now: datetime) -> Past:
    """Return the past of an account that could be drawn `since` then, whole days back from now.

    Days on which it was empty from their beginning to their end tell nothing of the rate, and are left out. The past of
    what was first drawn within the window begins after that day: a quota that no one could use yet had no rate, and the
    first draw itself, where counting begins because of it, would make the rate too high.
    """
    oldest = max((day.age for day in account.drawn), default=WINDOW_DAYS)
    days = max(0, min(WINDOW_DAYS, oldest, (now - since) // _DAY))
    by_age = {day.age: day for day in account.drawn if day.age < days}
    spans = _joined(account.empty, now)
    ages = [age for age in reversed(range(days)) if age in by_age or not _is_inside(spans, now - (age + 1) * _DAY)]
    amounts = [by_age[age].amount if age in by_age else 0 for age in ages]
    return Past(amounts, sum(day.draws for day in by_age.values()))


def _joined(empty: Sequence[Empty], now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the spans with those that touch made one."""
    found: list[tuple[datetime, datetime]] = []
    for since, end in sorted((span.since, span.until or now) for span in empty):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif since < end:
            found.append((since, end))
    return found


def _is_inside(spans: Sequence[tuple[datetime, datetime]], day: datetime) -> bool:
    return any(since <= day and day + _DAY <= until for since, until in spans)
