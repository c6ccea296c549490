"""Which other lanes flow when one does not: the same goods from other origins, or for one exporter's lane from others.

Another way out of the same origin is not offered: to buy round a control is diversion, not an alternative.
"""

from services.licensing.domain.book import Book
from services.licensing.domain.lanes import Lane
from shared.events import WORLD, Alternative
from shared.masses import kg

MOST = 5
STOPPED = ("restricted", "constrained")
"""The states in which a buyer looks for another lane."""


def alternatives_to(book: Book, lane: Lane) -> tuple[Alternative, ...]:
    """Return the lanes that flow where this one does not, to the same destination or to the world.

    Those to the same destination first, then those with most left; one without a limit has more than any.
    Raises Missing.
    """
    if lane.state not in STOPPED:
        return ()
    found = [other for other in book.lanes_of(lane.commodity_group) if _is_alternative(lane, other)]
    return tuple(_told(other) for other in sorted(found, key=lambda other: _rank(lane, other))[:MOST])


def _is_alternative(lane: Lane, other: Lane) -> bool:
    if other.state != "flowing" or other.destination not in (lane.destination, WORLD):
        return False
    if lane.exporter is None:
        return other.exporter is None and other.origin != lane.origin
    return other.exporter not in (None, lane.exporter)


def _rank(lane: Lane, other: Lane) -> tuple[bool, bool, int, str]:
    left = _left(other)
    return other.destination != lane.destination, left is not None, -(left or 0), other.lane_id


def _left(lane: Lane) -> int | None:
    opening = lane.stats.opening
    return opening.left if lane.stats.needs_licence and not opening.unlimited else None


def _told(lane: Lane) -> Alternative:
    left, since = _left(lane), lane.since
    assert since is not None  # noqa: S101 - a lane that flows has begun to
    return Alternative(
        lane_id=lane.lane_id,
        origin=lane.origin,
        destination=lane.destination,
        exporter=lane.exporter,
        since=since,
        left_kg=None if left is None else str(kg(left)),
    )
