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
NEW_USUAL_DAYS = 365
"""A level that has been low for so long is the usual one."""


class Span(msgspec.Struct):
    """What cleared and what was usual over some days."""

    seen: int = 0
    expected: float = 0.0
    days: int = 0
    busy_days: int = 0

    def take_day(self, seen: int, expected: float) -> None:
        """Add a day."""
        self.seen += seen
        self.expected += expected
        self.days += 1
        self.busy_days += seen > 0

    def take(self, other: "Span") -> None:
        """Add another span."""
        self.seen += other.seen
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
    back_from: int = 0
    """While low: so many shipments on the next day show at once that the lane is back."""


class Turn(NamedTuple):
    """A change of level with the evidence for it."""

    level: Level
    seen: int
    expected: float
    days: int
    per_day: float
    clumping: float


def close_day(watch: Watch, day: int, shipments: int, *, is_break: bool = False) -> Turn | None:
    """Take in a day, a proleptic ordinal; days come one after another. In a break, a holiday, silence says nothing."""
    baseline = watch.baseline
    if not baseline.days and not watch.span.days and not shipments:
        return None
    if shipments:
        watch.gap = Span()
    if is_break and watch.level not in ("low", "stopped"):
        baseline.forget_week()
        return None
    usual = baseline.expected(day) if baseline.days else 0.0
    if not shipments and not is_break:
        watch.gap.take_day(0, usual)
    # Clumps show at any level; and a lane that was called low falsely would else never learn that it is clumped.
    baseline.take_day(day, shipments)
    if watch.level in ("low", "stopped"):
        return _seek_return(watch, day, shipments, usual)
    return _seek_drop(watch, shipments, usual)


def on_shipment(watch: Watch, shipments_today: int) -> Turn | None:
    """Tell at once that a low lane is back, when what cleared today makes certain that the day's close will say so."""
    if not watch.back_from or shipments_today < watch.back_from:
        return None
    watch.span.take_day(shipments_today, 0.0)
    return _turn(watch, "usual")


def recount(watch: Watch, days_ago: int, shipments: int) -> None:
    """Add to a day that is closed already, or take away from it; `days_ago` is 0 for the last one closed."""
    if days_ago < watch.span.days:
        watch.span.seen = max(0, watch.span.seen + shipments)
        watch.slumps = [max(0.0, stands - shipments) if stands else 0.0 for stands in watch.slumps]
        watch.back = max(0.0, watch.back + shipments) if watch.back else 0.0
    elif watch.baseline.days:
        watch.baseline.shipments = max(1.0, watch.baseline.shipments + shipments)
    if shipments > 0 and days_ago < watch.gap.days:
        watch.gap.expected *= days_ago / watch.gap.days
        watch.gap.days = days_ago


def _seek_drop(watch: Watch, shipments: int, usual: float) -> Turn | None:
    watch.span.take_day(shipments, usual)
    if watch.level == "learning":
        return _learn(watch)
    for i, chart in enumerate(SLUMPS):
        watch.slumps[i] = max(0.0, watch.slumps[i] + chart.reference * usual - shipments)
    level = _spoken(watch)
    if level is not None:
        return _turn(watch, level)
    if not any(watch.slumps):
        watch.baseline.take_in(watch.span.seen, watch.span.days, watch.span.busy_days)
        watch.span = Span()
    return None


def _learn(watch: Watch) -> Turn | None:
    baseline = watch.baseline
    if not baseline.days:
        # Watching begins with a shipment, which therefore tells nothing of the rate.
        watch.span.seen -= 1
    baseline.take_in(watch.span.seen, watch.span.days, watch.span.busy_days)
    watch.span = Span()
    if baseline.shipments < LEAST_KNOWN * baseline.clumping or baseline.days < LEAST_DAYS:
        return None
    watch.level = "usual"
    return None


def _spoken(watch: Watch) -> Level | None:
    """Return which level the charts have become sure of."""
    if _has_reached(watch, GAP, watch.gap.expected):
        return "stopped"
    charts = zip(SLUMPS, watch.slumps, strict=True)
    return "low" if any(_has_reached(watch, chart, stands) for chart, stands in charts) else None


def _has_reached(watch: Watch, chart: Chart, stands: float) -> bool:
    baseline = watch.baseline
    if chart is GAP:
        size = 1 / baseline.silence_per_day
    else:
        mean, most = mean_clump(baseline.clumping), baseline.clumping
        size = mean + (most - mean) * chart.clumping
    if stands <= size:
        return False
    return stands >= size * height(chart, baseline.per_day / size, baseline.doubt)


def _turn(watch: Watch, level: Level) -> Turn:
    span = watch.gap if level == "stopped" else watch.span
    turn = Turn(level, span.seen, span.expected, span.days, watch.baseline.per_day, watch.baseline.clumping)
    watch.level = level
    watch.low = copy(span) if level != "usual" else Span()
    watch.span, watch.back, watch.back_from = Span(), 0.0, 0
    watch.slumps = [0.0] * len(SLUMPS)
    watch.baseline.forget_week()
    if level != "stopped":
        watch.gap = Span()
    return turn


def _seek_return(watch: Watch, day: int, shipments: int, usual: float) -> Turn | None:
    clumping = watch.baseline.clumping
    back = return_for((watch.low.seen + clumping) / (watch.low.expected + clumping))
    needed = return_height(back, DAYS_BETWEEN_FALSE_RETURNS * watch.baseline.per_day / clumping) * clumping
    watch.back = max(0.0, watch.back + shipments - back.reference * usual)
    watch.span.take_day(shipments, usual)
    if watch.back >= needed and watch.span.seen >= LEAST_BACK:
        return _turn(watch, "usual")
    if watch.level == "stopped" and watch.low.seen + watch.span.seen >= LEAST_BACK and watch.span.expected > SOME_TIME:
        return _become_low(watch)
    if watch.level == "low" and _has_reached(watch, GAP, watch.gap.expected):
        return _turn(watch, "stopped")
    if not watch.back:
        watch.low.take(watch.span)
        watch.span = Span()
        if watch.level == "low" and watch.low.days >= NEW_USUAL_DAYS:
            return _settle_for_low(watch)
    tomorrow = back.reference * watch.baseline.expected(day + 1)
    watch.back_from = max(LEAST_BACK - watch.span.seen, -int(-(needed - watch.back + tomorrow) // 1), 1)
    return None


def _become_low(watch: Watch) -> Turn:
    """Let a lane that had stopped be low; what is seen of its way back goes on."""
    watch.level = "low"
    span = watch.span
    return Turn("low", span.seen, span.expected, span.days, watch.baseline.per_day, watch.baseline.clumping)


def _settle_for_low(watch: Watch) -> Turn:
    """Let a level that has been low for long be the usual one."""
    turn = _turn(Watch(level="low", baseline=watch.baseline, span=watch.low), "usual")
    watch.baseline.shipments, watch.baseline.days = float(watch.low.seen), float(watch.low.days)
    watch.baseline.busy_days = float(watch.low.busy_days)
    watch.low, watch.back_from = Span(), 0
    watch.level = "usual"
    return turn
