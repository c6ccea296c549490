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


def summary(row: Sequence[float | None]) -> Summary:
    """Return count, percentiles, greatest and the number within the target as a summary."""
    count, p50_s, p90_s, p99_s, max_s, within = row
    share = round((within or 0) / count, 6) if count else None
    return Summary(int(count or 0), p50_s, p90_s, p99_s, max_s, share)
