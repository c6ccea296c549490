"""Puts one simulated lane to the test: years without a change, and changes to a share of its rate and back."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from random import Random
from typing import NamedTuple

from benchmarks.detection.arrivals import NEW_YEARS, Lane
from benchmarks.detection.rules import GapRule, LearnedGapRule, ShareRule, clump_rate
from services.licensing.domain.detection.watching import Watch, close_day, on_shipment

FIRST_DAY = date(2017, 1, 1).toordinal()
LEARNING_DAYS = 3 * 365
QUIET_DAYS = 8 * 365
BREAKS = frozenset(day for new_year in NEW_YEARS for day in range(new_year - 7, new_year + 19))
"""The holiday as a policy would have it: the same span each year, whatever a lane makes of it."""
Rule = GapRule | LearnedGapRule | ShareRule
CONTENDERS = ("ours", "gap", "learned", "share")


class Limits(NamedTuple):
    """From when on each rule says that a lane is down."""

    gap: float
    """In independent arrivals."""
    learned: float
    """In arrivals that the last year made usual."""
    share: float


@dataclass(frozen=True)
class Quiet:
    """What years without a change brought."""

    lane: Lane
    watch: Watch
    """As it stood when learning was over."""
    learned: LearnedGapRule
    shares: ShareRule
    silent: int
    false_stops: int
    false_lows: int
    silences: list[float]
    """Each silence's length, in the lane's own independent arrivals."""
    learned_silences: list[float]
    """The same, in the arrivals that the last year made usual."""
    series: list[float]


@dataclass
class Delays:
    """When a change was told, in days from it on; None: not as long as it lasted, or nothing to tell."""

    down: dict[str, int | None] = field(default_factory=dict)
    back: dict[str, int | None] = field(default_factory=dict)
    false_returns: int = 0
    """By ours, while the lane was still low."""
    low_days: int = 0
    limit: int = 0


def watch_quiet(lane: Lane, random: Random) -> Quiet:
    """Let a lane go its usual way for years, first to learn, then to count what is told falsely."""
    watch, learned, shares, rate = Watch(), LearnedGapRule(0.0), ShareRule(0.0), clump_rate(lane)
    silent, stops, lows, silences, learned_silences, series = 0, 0, 0, [], [], []
    kept: tuple[Watch, LearnedGapRule, ShareRule, int] | None = None
    day = FIRST_DAY
    for shipments in lane.days(day, LEARNING_DAYS + QUIET_DAYS, 1.0, random):
        is_break = is_holiday(lane, day)
        turn = close_day(watch, day, shipments, shipments, is_break=is_break)
        day += 1
        if not is_break:
            series.append(shares.share(shipments))
            if ended := learned.silence(shipments):
                learned_silences.append(ended)
            if shipments and silent:
                silences.append(silent * rate)
            silent = 0 if shipments else silent + 1
        if day == FIRST_DAY + LEARNING_DAYS:
            kept = deepcopy(watch), deepcopy(learned), deepcopy(shares), silent
            silences, learned_silences, series = [], [], []
        elif kept and turn:
            stops, lows = stops + (turn.level == "stopped"), lows + (turn.level == "low")
    assert kept  # noqa: S101 - for the type checker
    return Quiet(lane, *kept, stops, lows, silences, learned_silences, series)


def watch_change(quiet: Quiet, share: float, limits: Limits, random: Random) -> Delays | None:
    """Change a lane's rate to a share and back; None where a contender was wrong already when it changed."""
    lane = quiet.lane
    watch, learned, shares = deepcopy(quiet.watch), deepcopy(quiet.learned), deepcopy(quiet.shares)
    gap = GapRule(max(1.0, limits.gap / clump_rate(lane)), quiet.silent)
    learned.arrivals, shares.least = limits.learned, limits.share
    all_told = partial(_told, lane, watch, (gap, learned, shares))
    day = FIRST_DAY + LEARNING_DAYS
    limit = round(max(120.0, 60 / clump_rate(lane)))
    before = random.randint(1, 90)
    for _ in all_told(lane.days(day, before, 1.0, random), day):
        pass
    if any(_state(watch, gap, learned, shares)):
        return None
    delays = Delays(limit=limit)
    day += before
    told = all_told(lane.days(day, limit, share, random), day)
    was_down = False
    for number, states in enumerate(told, 1):
        for name, is_down in zip(CONTENDERS, states, strict=True):
            if is_down:
                delays.down.setdefault(name, number)
        delays.false_returns += was_down and not states[0]
        delays.low_days += was_down
        was_down = states[0]
    day += limit
    waiting = {name for name, is_down in zip(CONTENDERS, _state(watch, gap, learned, shares), strict=True) if is_down}
    delays.back = dict.fromkeys(waiting)
    for number, states in enumerate(all_told(lane.days(day, limit, 1.0, random), day), 1):
        back = {name for name, is_down in zip(CONTENDERS, states, strict=True) if not is_down} & waiting
        delays.back.update(dict.fromkeys(back, number))
        waiting -= back
        if not waiting:
            break
    return delays


def is_holiday(lane: Lane, day: int) -> bool:
    """Return whether a day is in the new year's holiday that all contenders know of."""
    return lane.model == "seasonal" and day in BREAKS


def _told(
    lane: Lane, watch: Watch, rules: tuple[Rule, ...], counts: Iterator[int], day: int
) -> Iterator[tuple[bool, ...]]:
    """Let every contender take in the days, and yield after each which of them say that the lane is down."""
    for number, shipments in enumerate(counts, day):
        is_break = is_holiday(lane, number)
        on_shipment(watch, shipments, shipments)
        close_day(watch, number, shipments, shipments, is_break=is_break)
        if not is_break:
            for rule in rules:
                rule.close_day(shipments)
        yield _state(watch, *rules)


def _state(watch: Watch, *rules: Rule) -> tuple[bool, ...]:
    return watch.level in ("low", "stopped"), *(rule.is_down for rule in rules)
