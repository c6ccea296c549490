"""A surge before an announced date: how soon it is seen, and how seldom falsely."""

from math import exp, log
from random import Random

import pytest

from services.licensing.domain.detection import surging
from services.licensing.domain.detection.watching import Watch, close_day

LEARNED_DAYS = 300


def poisson(mean: float, chance: Random) -> int:
    left, count = exp(-mean), 0
    product = chance.random()
    while product > left:
        product *= chance.random()
        count += 1
    return count


def learned(per_day: float, chance: Random) -> Watch:
    watch = Watch()
    for day in range(LEARNED_DAYS):
        count = poisson(per_day, chance)
        close_day(watch, day + 1, count, count)
    return watch


def first_told(per_day: float, times: float, seed: int) -> int | None:
    """Return after how many days of so many times the rate the surge is told, None if not within the window."""
    chance = Random(seed)
    surge = surging.begin(learned(per_day, chance), "R-1")
    if surge is None:
        return None
    for day in range(surging.WINDOW_DAYS):
        count = poisson(times * per_day, chance)
        if surging.close_day(surge, LEARNED_DAYS + day + 1, count, count):
            return day + 1
    return None


def test_the_height_is_that_of_the_stated_share() -> None:
    exact = log(surging.WINDOW_DAYS / surging.FALSE_SHARE)
    assert exact <= surging.HEIGHT < exact + 0.01


def test_windows_without_a_surge_are_seldom_told_as_one() -> None:
    told = [first_told(per_day, 1.0, seed) for seed in range(60) for per_day in (0.5, 2.0, 10.0)]
    assert sum(found is not None for found in told) / len(told) <= surging.FALSE_SHARE


@pytest.mark.parametrize("per_day,times,days", [(1.0, 2.0, 60), (1.0, 3.0, 20), (10.0, 2.0, 6)])
def test_a_surge_is_told_soon(per_day: float, times: float, days: int) -> None:
    found = sorted(first_told(per_day, times, seed) or 999 for seed in range(15))
    assert found[7] <= days


def test_nothing_is_said_of_a_lane_that_is_hardly_known() -> None:
    assert surging.begin(learned(0.05, Random(1)), "R-1") is None
    assert surging.begin(Watch(), "R-1") is None
