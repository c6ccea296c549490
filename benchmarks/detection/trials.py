"""Puts one simulated lane to the test: years without a change, and changes to a share of its rate and back."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from random import Random

from benchmarks.detection.arrivals import NEW_YEARS, Lane
from benchmarks.detection.rules import GapRule, ShareRule, clump_rate
from services.licensing.domain.detection.watching import Watch, close_day, on_shipment

FIRST_DAY = date(2017, 1, 1).toordinal()
LEARNING_DAYS = 3 * 365
QUIET_DAYS = 8 * 365
BREAKS = frozenset(day for new_year in NEW_YEARS for day in range(new_year - 7, new_year + 19))
"""The holiday as a policy would have it: the same span each year, whatever a lane makes of it."""
CONTENDERS = ("ours", "gap", "share")


@dataclass(frozen=True)
class Quiet:
    """What years without a change brought."""

    lane: Lane
    watch: Watch
    """As it stood when learning was over."""
    shares: ShareRule
    silent: int
    false_stops: int
    false_lows: int
    silences: list[float]
    """Each silence's length, in the lane's own independent arrivals."""
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
    watch, shares, rate = Watch(), ShareRule(0.0), clump_rate(lane)
    silent, stops, lows, silences, series = 0, 0, 0, [], []
    kept: tuple[Watch, ShareRule, int] | None = None
    day = FIRST_DAY
    for shipments in lane.days(day, LEARNING_DAYS + QUIET_DAYS, 1.0, random):
        is_break = is_holiday(lane, day)
        turn = close_day(watch, day, shipments, shipments, is_break=is_break)
        day += 1
        if not is_break:
            series.append(shares.share(shipments))
            if shipments and silent:
                silences.append(silent * rate)
            silent = 0 if shipments else silent + 1
        if day == FIRST_DAY + LEARNING_DAYS:
            kept, silences, series = (deepcopy(watch), deepcopy(shares), silent), [], []
        elif kept and turn:
            stops, lows = stops + (turn.level == "stopped"), lows + (turn.level == "low")
    assert kept  # noqa: S101 - for the type checker
    return Quiet(lane, *kept, stops, lows, silences, series)


def watch_change(quiet: Quiet, share: float, gap_days: float, least: float, random: Random) -> Delays | None:
    """Change a lane's rate to a share and back; None where a contender was wrong already when it changed."""
    lane = quiet.lane
    watch, gap, shares = deepcopy(quiet.watch), GapRule(gap_days, quiet.silent), deepcopy(quiet.shares)
    shares.least = least
    day = FIRST_DAY + LEARNING_DAYS
    limit = round(max(120.0, 60 / clump_rate(lane)))
    before = random.randint(1, 90)
    for _ in _told(lane, watch, gap, shares, lane.days(day, before, 1.0, random), day):
        pass
    if _state(watch, gap, shares) != (False, False, False):
        return None
    delays = Delays(limit=limit)
    day += before
    told = _told(lane, watch, gap, shares, lane.days(day, limit, share, random), day)
    was_down = False
    for number, states in enumerate(told, 1):
        for name, is_down in zip(CONTENDERS, states, strict=True):
            if is_down:
                delays.down.setdefault(name, number)
        delays.false_returns += was_down and not states[0]
        delays.low_days += was_down
        was_down = states[0]
    day += limit
    waiting = {name for name, is_down in zip(CONTENDERS, _state(watch, gap, shares), strict=True) if is_down}
    delays.back = dict.fromkeys(waiting)
    for number, states in enumerate(_told(lane, watch, gap, shares, lane.days(day, limit, 1.0, random), day), 1):
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
    lane: Lane, watch: Watch, gap: GapRule, shares: ShareRule, counts: Iterator[int], day: int
) -> Iterator[tuple[bool, bool, bool]]:
    """Let every contender take in the days, and yield after each which of them say that the lane is down."""
    for number, shipments in enumerate(counts, day):
        is_break = is_holiday(lane, number)
        on_shipment(watch, shipments, shipments)
        close_day(watch, number, shipments, shipments, is_break=is_break)
        if not is_break:
            gap.close_day(shipments)
            shares.close_day(shipments)
        yield _state(watch, gap, shares)


def _state(watch: Watch, gap: GapRule, shares: ShareRule) -> tuple[bool, bool, bool]:
    return watch.level in ("low", "stopped"), gap.is_down, shares.is_down
