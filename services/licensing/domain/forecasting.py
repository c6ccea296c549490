"""When an account runs out at the present rate, with a range. Its floats are for people; none reaches the ledger.

The draws of an account are lumpy: few, of unlike sizes, in bursts. How much is drawn in `t` days is taken as a gamma
variable that has the mean and the long-run variance of the past, and the rate itself as known only as well as the past
tells it. What is left is then used up after a time whose ratio to the past is F-distributed: the gamma-Poisson model
with effective numbers of draws, behind and ahead, in place of counts. See docs/monitoring/forecast.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cbrt, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

WINDOW_DAYS = 180
"""The past that counts as the present rate."""
FEWEST_DAYS = 42
"""Three fortnights: with fewer, how the rate changes cannot be seen."""
FEWEST_DRAWS = 5
STATED = 0.8
"""How often the range is meant to hold the truth."""
BACKTESTED = 0.81
"""How often it did: `benchmarks/results/forecast.json`; a test holds the two together."""

_Z = NormalDist().inv_cdf((1 + STATED) / 2)
_PERSISTS_DAYS = 35
"""So long a rate that differs from month to month is taken to stay as it is."""
_BLOCKS = (14, 28)
_FEW_BLOCKS = 8
"""How much the variance between few blocks is raised: by this over their number less one."""
_CHANCE = 1.5
"""So many standard deviations of a variance estimate are put down to chance."""
_STEPS = 60

State = Literal["runs_out", "lasts", "used_up", "too_short", "too_few_draws", "ended"]
SAYS: dict[State, str] = {
    "runs_out": "at the present rate it runs out before it ends",
    "lasts": "at the present rate it does not run out before it ends",
    "used_up": "nothing is left",
    "too_short": f"fewer than {FEWEST_DAYS} days in which it could be drawn: too little to tell a rate",
    "too_few_draws": f"fewer than {FEWEST_DRAWS} draws in the last {WINDOW_DAYS} days: too little to tell a rate",
    "ended": "its validity or period has ended",
}


class Past(NamedTuple):
    """What was drawn on each whole day on which something could be, the oldest first, and by how many draws."""

    amounts: Sequence[int]
    draws: int


class Tranche(NamedTuple):
    """What will be granted beside what is there, and when."""

    opens_at: datetime
    amount: int


class Span(NamedTuple):
    """When it runs out: the median and the two ends of the range; None: not before it ends."""

    median: datetime | None
    since: datetime | None
    until: datetime | None


class Rest(NamedTuple):
    """What stays unused at the end, in the account's unit: the median, and with 10 % each less and more."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What can be said of an account; `a_day` is the rate in its unit, None where there is too little to tell one."""

    state: State
    a_day: float | None = None
    runs_out: Span | None = None
    rest: Rest | None = None


class _Rate(NamedTuple):
    """The mean of a day, the long-run variance of one, and over how many days they were seen."""

    mean: float
    variance: float
    days: int

    def score(self, days: float, amount: float) -> float:
        """Return by how many standard deviations it is likely that so much is drawn within so many days.

        Paulson's approximation (1942) to the F distribution, with the cube root made normal.
        """
        a, b = self._spread(amount)
        c = cbrt(days * self.mean / amount)
        return ((1 - b) * c - (1 - a)) / sqrt(b * c * c + a)

    def _spread(self, amount: float) -> tuple[float, float]:
        ahead = max(1.0, self.mean * amount / self.variance)
        behind = max(1.0, self.mean * self.mean * self.days / self.variance)
        return 1 / (9 * ahead), 1 / (9 * behind)


def forecast(past: Past, left: int, now: datetime, ends: datetime, coming: Sequence[Tranche] = ()) -> Forecast:
    """Return when what is left, with the tranches that are known to come, runs out."""
    if ends <= now:
        return Forecast("ended")
    rate = _rate(past)
    a_day = rate.mean if rate else None
    if left <= 0:
        return Forecast("used_up", a_day)
    if rate is None:
        return Forecast("too_short" if len(past.amounts) < FEWEST_DAYS else "too_few_draws")
    steps = _steps(left, now, ends, coming)
    since, median, until = (_reached(rate, z, steps) for z in (-_Z, 0.0, _Z))
    span = Span(*(None if days is None else now + timedelta(days=days) for days in (median, since, until)))
    state: State = "runs_out" if median is not None else "lasts"
    return Forecast(state, a_day, span, _rest(rate, steps[-1]))


def _rate(past: Past) -> _Rate | None:
    """Return the rate of the past; None where there is too little of it."""
    amounts = past.amounts[-WINDOW_DAYS:]
    days, total = len(amounts), sum(amounts)
    if days < FEWEST_DAYS or past.draws < FEWEST_DRAWS or total <= 0:
        return None
    mean = total / days
    variance = sum((amount - mean) ** 2 for amount in amounts) / (days - 1)
    variance += 7 * _between(amounts, 7, variance, 0)
    slow = max(_between(amounts, length, variance, _FEW_BLOCKS) for length in _BLOCKS)
    # Equal amounts every day would leave no variance at all: no one is as sure as that.
    return _Rate(mean, max(variance + _PERSISTS_DAYS * slow, mean * mean / days), days)


def _between(amounts: Sequence[int], length: int, variance: float, raised: float) -> float:
    """Return how much the daily rate varies between blocks of days, beyond what the variance of days explains.

    What chance alone may show is shrunk away; the variance of few blocks is raised, since it is mostly too small.
    """
    blocks = len(amounts) // length
    if blocks < 2:  # noqa: PLR2004 - one block does not vary
        return 0.0
    ends = range(len(amounts), len(amounts) - blocks * length, -length)
    sums = [sum(amounts[end - length : end]) for end in ends]
    mean = sum(sums) / blocks
    beyond = sum((s - mean) ** 2 for s in sums) / (blocks - 1) / length - variance
    if beyond <= 0:
        return 0.0
    chance = _CHANCE * variance * sqrt(2 / (blocks - 1))
    shrunk = beyond**3 / (beyond**2 + chance**2)
    return shrunk * (1 + raised / (blocks - 1)) / length


class _Step(NamedTuple):
    """Until so many days from now there is so much in all."""

    until: float
    amount: int


def _steps(left: int, now: datetime, ends: datetime, coming: Sequence[Tranche]) -> list[_Step]:
    steps = []
    for opens_at, amount in sorted(tranche for tranche in coming if tranche.opens_at < ends):
        steps.append(_Step(max(0.0, (opens_at - now) / timedelta(days=1)), left))
        left += amount
    return [*steps, _Step((ends - now) / timedelta(days=1), left)]


def _reached(rate: _Rate, z: float, steps: Sequence[_Step]) -> float | None:
    """Return after how many days it has run out with the likelihood of z; None: not before the end."""
    begin = 0.0
    for until, amount in steps:
        if until > 0 and rate.score(until, amount) >= z:
            return _bisected(lambda days, amount=amount: rate.score(days, amount) >= z, begin, until)  # type: ignore[misc]
        begin = until
    return None


def _rest(rate: _Rate, end: _Step) -> Rest:
    """Return what stays unused at the end; what is drawn by then is searched between nothing and all there is."""
    median, most, least = (
        end.amount - _bisected(lambda x, z=z: rate.score(end.until, x) < z, 0.0, float(end.amount))  # type: ignore[misc]
        for z in (0.0, _Z, -_Z)
    )
    return Rest(median, least, most)


def _bisected(is_beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Return where something begins to hold between two places; the higher one where it never does."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if is_beyond(middle):
            high = middle
        else:
            low = middle
    return high
