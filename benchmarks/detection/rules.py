"""Two usual rules to compare with: nothing for so many days, and the share of the last 30 days in the last 90.

The first comes twice: once it is given what no one knows, each lane's true rate and clumping, and once it learns
the lane's rate from its last year, as ours must learn all. Every rule gets a limit of its own for every kind of lane,
chosen afterwards so that it makes just as many false changes as ours made.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

from benchmarks.detection.arrivals import Lane

SHORT, LONG, LEARNED = 30, 90, 365


@dataclass
class GapRule:
    """Restricted after `days` counted days with nothing, flowing with the next shipment."""

    days: float
    silent: int = 0
    is_down: bool = False

    def close_day(self, shipments: int) -> bool:
        """Take in a day and return whether the lane is down."""
        self.silent = 0 if shipments else self.silent + 1
        self.is_down = self.silent >= self.days
        return self.is_down


@dataclass
class LearnedGapRule:
    """The same after so many days as usually bring `arrivals`, by the mean of the last 365 days before the silence."""

    arrivals: float
    counts: deque[int] = field(default_factory=lambda: deque(maxlen=LEARNED))
    per_day: float = 0.0
    silent: int = 0
    is_down: bool = False

    def silence(self, shipments: int) -> float:
        """Take in a day and return how long the silence is that a shipment ended with it, in usual arrivals."""
        ended = self.silent * self.per_day if shipments else 0.0
        self.counts.append(shipments)
        self.silent = 0 if shipments else self.silent + 1
        if shipments:
            self.per_day = sum(self.counts) / len(self.counts)
        return ended

    def close_day(self, shipments: int) -> bool:
        """Take in a day and return whether the lane is down."""
        self.silence(shipments)
        self.is_down = self.silent * self.per_day >= self.arrivals and self.silent > 0
        return self.is_down


@dataclass
class ShareRule:
    """Constrained when the last 30 days' mean is below `least` of the last 90 days', flowing when half the way back."""

    least: float
    counts: deque[int] = field(default_factory=lambda: deque([0] * LONG))
    short: int = 0
    long: int = 0
    seen: int = 0
    is_down: bool = False

    def share(self, shipments: int) -> float:
        """Take in a day and return the share, 1 where there is none."""
        counts = self.counts
        self.short += shipments - counts[LONG - SHORT]
        self.long += shipments - counts.popleft()
        counts.append(shipments)
        self.seen += 1
        return self.short * LONG / SHORT / self.long if self.long and self.seen >= LONG else 1.0

    def close_day(self, shipments: int) -> bool:
        """Take in a day and return whether the lane is down."""
        share = self.share(shipments)
        self.is_down = share < (1 + self.least) / 2 if self.is_down else share < self.least
        return self.is_down


def clump_rate(lane: Lane) -> float:
    """Return how many independent arrivals a day a lane has: the logarithmic clumps of the negative binomial."""
    return lane.per_day * log(lane.clumping) / (lane.clumping - 1) if lane.clumping > 1 else lane.per_day


def gap_limit(silences: Sequence[float], allowed: float) -> float:
    """Return the least limit that no more than `allowed` of the silences reach."""
    ordered, most = sorted(silences, reverse=True), int(allowed)
    return ordered[most] + 1e-9 if most < len(ordered) else 0.0


def share_limit(series: Sequence[Sequence[float]], allowed: float) -> float:
    """Return the greatest limit by which the series of shares fall no more often than allowed; 0 where none does."""
    low, high = 0.0, 1.0
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(_falls(shares, middle) for shares in series) <= allowed else (low, middle)
    return low


def _falls(shares: Sequence[float], least: float) -> int:
    falls, is_down, back = 0, False, (1 + least) / 2
    for share in shares:
        if is_down:
            is_down = share < back
        elif share < least:
            falls, is_down = falls + 1, True
    return falls
