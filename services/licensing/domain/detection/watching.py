"""Watches one lane's daily clearances: charts side by side for a stop, for drops and for the way back.

The baseline learns a span only once the charts are back at zero, so a drop is never learned before it is told, and
drift too slow for the charts is followed.
"""

from copy import copy
from typing import Literal, NamedTuple

import msgspec

from services.licensing.domain.detection.baseline import Baseline, mean_clump
from services.licensing.domain.detection.thresholds import (
    DAYS_BETWEEN_FALSE_RETURNS,
    GAP,
    SLUMPS,
    Chart,
    height,
    return_for,
    return_height,
)

Level = Literal["learning", "usual", "low", "stopped"]

LEAST_KNOWN = 8.0
"""Nothing is told before so many independent arrivals were seen, in at least `LEAST_DAYS`."""
LEAST_DAYS = 56.0
LEAST_BACK = 3
"""So many shipments at least show that a lane is back, and that one which had stopped is only low."""
SOME_TIME = 6.0
"""Expected shipments, after which a lane that had stopped and brings some is low."""
LEAST_WORTH = 0.001
NEW_USUAL_DAYS = 365
"""A level that has been low for so long is the usual one."""


class Span(msgspec.Struct):
    """What cleared and what was usual over some days."""

    shipments: int = 0
    mass: float = 0.0
    worth: float = 0.0
    """The mass in usual shipments, as they were on each day."""
    expected: float = 0.0
    """In shipments."""
    days: int = 0
    busy_days: int = 0

    def take_day(self, shipments: int, mass: float, worth: float, expected: float) -> None:
        """Add a day."""
        self.shipments += shipments
        self.mass += mass
        self.worth += worth
        self.expected += expected
        self.days += 1
        self.busy_days += shipments > 0

    def take(self, other: "Span") -> None:
        """Add another span."""
        self.shipments += other.shipments
        self.mass += other.mass
        self.worth += other.worth
        self.expected += other.expected
        self.days += other.days
        self.busy_days += other.busy_days


class Watch(msgspec.Struct, kw_only=True):
    """What is remembered of a lane's clearances; its size does not grow."""

    level: Level = "learning"
    baseline: Baseline = msgspec.field(default_factory=Baseline)
    gap: Span = msgspec.field(default_factory=Span)
    """Since the last shipment."""
    slumps: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(SLUMPS))
    span: Span = msgspec.field(default_factory=Span)
    """Since the charts of the present level last stood at zero: the change, if there is one, came then."""
    low: Span = msgspec.field(default_factory=Span)
    """At the low level, before `span`."""
    back: float = 0.0
    back_from: float = 0.0
    """While low: the worth of so many shipments on the next day shows at once that the lane is back."""


class Turn(NamedTuple):
    """A change of level with the evidence for it."""

    level: Level
    shipments: int
    mass: float
    worth: float
    expected: float
    days: int
    per_day: float
    clumping: float


def close_day(watch: Watch, day: int, shipments: int, mass: float, *, is_break: bool = False) -> Turn | None:
    """Take in a day, a proleptic ordinal, with what cleared on it; days come one after another.

    Masses weigh, in whatever unit, so that samples are not taken for trade. In a break the silence says nothing.
    """
    baseline = watch.baseline
    if not baseline.days and not watch.span.days and not shipments:
        return None
    if shipments:
        watch.gap = Span()
    if is_break and watch.level not in ("low", "stopped"):
        baseline.forget_week()
        return None
    usual, worth = baseline.expected(day), baseline.worth(mass, shipments)
    if not shipments and not is_break:
        watch.gap.take_day(0, 0.0, 0.0, usual)
    # Clumps show at any level; and a lane that was called low falsely would else never learn that it is clumped.
    baseline.take_day(day, shipments, worth)
    watch.span.take_day(shipments, mass, worth, usual)
    if watch.level in ("low", "stopped"):
        return _seek_return(watch, day, worth, usual)
    if watch.level == "learning":
        return _learn(watch)
    return _seek_drop(watch, worth, usual)


def on_shipment(watch: Watch, shipments_today: int, mass_today: float) -> Turn | None:
    """Tell at once that a low lane is back, when what cleared today makes certain that the day's close will say so."""
    if not watch.back_from or watch.span.shipments + shipments_today < LEAST_BACK:
        return None
    worth = watch.baseline.worth(mass_today, shipments_today)
    if worth < watch.back_from:
        return None
    watch.span.take_day(shipments_today, mass_today, worth, 0.0)
    return _turn(watch, "usual")


def recount(watch: Watch, days_ago: int, shipments: int, mass: float) -> None:
    """Add to a day that is closed already, or take away from it; `days_ago` is 0 for the last one closed."""
    baseline, span = watch.baseline, watch.span
    if days_ago < span.days:
        worth = baseline.worth(mass, shipments)
        span.shipments, span.mass = max(0, span.shipments + shipments), max(0.0, span.mass + mass)
        span.worth = max(0.0, span.worth + worth)
        watch.slumps = [max(0.0, stands - worth) if stands else 0.0 for stands in watch.slumps]
        watch.back = max(0.0, watch.back + worth) if watch.back else 0.0
    elif baseline.days and baseline.shipments + shipments >= 1 and baseline.mass + mass > 0:
        baseline.shipments += shipments
        baseline.mass += mass
    if shipments > 0 and days_ago < watch.gap.days:
        watch.gap.expected *= days_ago / watch.gap.days
        watch.gap.days = days_ago


def _learn(watch: Watch) -> Turn | None:
    baseline, span = watch.baseline, watch.span
    if not baseline.days:
        # Watching begins with a shipment, which therefore tells nothing of the rate.
        span.mass -= span.mass / span.shipments
        span.shipments -= 1
    baseline.take_in(span.shipments, span.mass, span.days, span.busy_days)
    watch.span = Span()
    if baseline.shipments < LEAST_KNOWN * baseline.clumping or baseline.days < LEAST_DAYS:
        return None
    watch.level = "usual"
    return None


def _seek_drop(watch: Watch, worth: float, usual: float) -> Turn | None:
    for i, chart in enumerate(SLUMPS):
        watch.slumps[i] = max(0.0, watch.slumps[i] + chart.reference * usual - worth)
    if _is_too_silent(watch, watch.gap.expected):
        return _turn(watch, "stopped")
    if any(_has_reached(watch, chart, stands) for chart, stands in zip(SLUMPS, watch.slumps, strict=True)):
        return _turn(watch, "low")
    if not any(watch.slumps):
        span = watch.span
        watch.baseline.take_in(span.shipments, span.mass, span.days, span.busy_days)
        watch.span = Span()
    return None


def _is_too_silent(watch: Watch, expected: float) -> bool:
    baseline = watch.baseline
    return expected > 1 and _is_above(baseline, GAP, expected, 1 / baseline.silence_per_day, baseline.clumping)


def _has_reached(watch: Watch, chart: Chart, stands: float) -> bool:
    if stands <= 1:
        return False
    lumping = watch.baseline.lumping
    mean = mean_clump(lumping)
    return _is_above(watch.baseline, chart, stands, mean + (lumping - mean) * chart.clumping, lumping)


def _is_above(baseline: Baseline, chart: Chart, stands: float, size: float, clumping: float) -> bool:
    """Return whether a chart stands above its height, where shipments come by a size."""
    return stands > size and stands >= size * height(chart, baseline.per_day / size, baseline.doubt(clumping))


def _turn(watch: Watch, level: Level) -> Turn:
    span = watch.gap if level == "stopped" else watch.span
    turn = _evidence(watch, level, span)
    watch.level = level
    watch.low = copy(span) if level != "usual" else Span()
    watch.span, watch.back, watch.back_from = Span(), 0.0, 0.0
    watch.slumps = [0.0] * len(SLUMPS)
    watch.baseline.forget_week()
    if level != "stopped":
        watch.gap = Span()
    return turn


def _evidence(watch: Watch, level: Level, span: Span) -> Turn:
    baseline = watch.baseline
    clumping = baseline.clumping if level == "stopped" else baseline.lumping
    return Turn(level, span.shipments, span.mass, span.worth, span.expected, span.days, baseline.per_day, clumping)


def _seek_return(watch: Watch, day: int, worth: float, usual: float) -> Turn | None:
    baseline, span, low, lumping = watch.baseline, watch.span, watch.low, watch.baseline.lumping
    back = return_for((low.worth + lumping) / (low.expected + lumping))
    needed = return_height(back, DAYS_BETWEEN_FALSE_RETURNS * baseline.per_day / lumping) * lumping
    watch.back = max(0.0, watch.back + worth - back.reference * usual)
    if watch.back >= needed and span.shipments >= LEAST_BACK:
        return _turn(watch, "usual")
    if watch.level == "stopped" and low.shipments + span.shipments >= LEAST_BACK and span.expected > SOME_TIME:
        watch.level = "low"
        return _evidence(watch, "low", span)
    # A low lane's silences are the longer for it.
    if watch.level == "low" and _is_too_silent(watch, watch.gap.expected * min(1.0, low.worth / low.expected)):
        return _turn(watch, "stopped")
    if not watch.back:
        low.take(span)
        watch.span = Span()
        if watch.level == "low" and low.days >= NEW_USUAL_DAYS:
            return _settle_for_low(watch)
    tomorrow = back.reference * baseline.expected(day + 1)
    # Never 0, which would say that the lane is not low.
    watch.back_from = max(needed - watch.back + tomorrow, LEAST_WORTH)
    return None


def _settle_for_low(watch: Watch) -> Turn:
    """Let a level that has been low for long be the usual one."""
    low, baseline = watch.low, watch.baseline
    watch.span = low
    turn = _turn(watch, "usual")
    baseline.shipments, baseline.mass = float(low.shipments), low.mass
    baseline.days, baseline.busy_days = float(low.days), float(low.busy_days)
    return turn
