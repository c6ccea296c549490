"""How long it took that a subscriber was told: from what moment on, and how the times of many are summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Moments(NamedTuple):
    """When an alert came about."""

    happened_at: datetime
    """Its own time: when it happened in the world."""
    accepted_at: datetime | None = None
    """When what caused it was on record with the ingest; for what falls due by the clock, its tick."""
    decided_at: datetime | None = None
    """When it was on record that it is to be told."""


SINCE = ("occurrence", "acceptance", "decision")
BOUNDS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600, 86_400, 604_800)
"""The upper bounds of the histograms, in seconds."""


def seconds_since(moments: Moments, delivered_at: datetime) -> dict[str, float]:
    """Return how long the first successful delivery took since each of the moments that are known."""
    known = zip(SINCE, moments, strict=True)
    return {name: max(0.0, (delivered_at - at).total_seconds()) for name, at in known if at is not None}


@dataclass(frozen=True)
class Summary:
    """The times of many deliveries; those of none have no percentiles."""

    count: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    max_s: float | None
    within_target: float | None
    """The share that took no longer than the target."""
    buckets: tuple[tuple[float, int], ...] = ()
    """How many took no longer than each of `BOUNDS_S`."""


def summary(row: Sequence[float | None]) -> Summary:
    """Return count, percentiles, greatest and the numbers within the target and each of the bounds as a summary."""
    count, p50_s, p90_s, p99_s, max_s, within, *within_bounds = row
    share = round((within or 0) / count, 6) if count else None
    buckets = tuple((bound_s, int(number or 0)) for bound_s, number in zip(BOUNDS_S, within_bounds, strict=True))
    return Summary(int(count or 0), p50_s, p90_s, p99_s, max_s, share, buckets)
