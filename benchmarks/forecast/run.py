"""Backtests the forecast: `python -m benchmarks.forecast.run`. Nothing is asserted."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from statistics import mean, median
from time import perf_counter
from typing import NamedTuple

from benchmarks.forecast.licences import ARRIVALS, BANDS, ORIGINS, Licence, licences
from benchmarks.report import Figure, write_results
from services.licensing.domain.forecasting import STATED, Span, forecast
from services.licensing.domain.ledger import MASS
from services.licensing.domain.past import Drawings, Drawn, past_of

START = datetime(2025, 1, 1, tzinfo=UTC)
FAR = START + timedelta(days=100_000)
DAY = timedelta(days=1)
LOWEST, HIGHEST = 0.75, 0.85
PROMISED = ARRIVALS[:3]


class Case(NamedTuple):
    """One forecast beside what came: days until it ran out."""

    arrivals: str
    band: int
    origin: int
    truth: float
    since: float
    median: float
    until: float
    naive: float | None
    is_held_with_end: bool

    @property
    def is_held(self) -> bool:
        """Return whether the range holds the truth."""
        return self.since <= self.truth <= self.until


def cases(seed: int, each: int) -> Iterator[Case | None]:
    """Yield the forecasts of all licences from all origins; None: there was too little to say."""
    random = Random(seed + 1)  # noqa: S311 - as the licences
    for licence in licences(seed, each):
        for origin in ORIGINS:
            yield _case(random, licence, origin)


def _case(random: Random, licence: Licence, origin: int) -> Case | None:
    left = round(sum(licence.amounts) / len(licence.amounts) * random.uniform(15, 200)) or 1
    days = zip(reversed(licence.amounts[:origin]), reversed(licence.draws[:origin]), strict=True)
    drawn = [Drawn(age, amount, draws) for age, (amount, draws) in enumerate(days) if draws]
    past = past_of(Drawings("", MASS, left, START, drawn, []), START - origin * DAY, START)
    found = forecast(past, left, START, FAR)
    truth = _truth(licence, origin, left)
    if found.runs_out is None or truth is None:
        return None
    ends = START + random.uniform(20, 200) * DAY
    ended = forecast(past, left, START, ends).runs_out
    recent = mean(licence.amounts[origin - 30 : origin])
    since, middle, until = (_days(time) for time in (found.runs_out.since, found.runs_out.median, found.runs_out.until))
    naive = left / recent if recent else None
    held = ended is not None and _is_held(ended, truth, ends)
    return Case(licence.arrivals, licence.band, origin, truth, since, middle, until, naive, held)


def _truth(licence: Licence, origin: int, left: int) -> float | None:
    for day in count():
        if origin + day == len(licence.amounts):
            return None
        amount = licence.amounts[origin + day]
        if amount >= left:
            return day + left / amount
        left -= amount
    return None


def _days(time: datetime | None) -> float:
    return ((time or FAR) - START) / DAY


def _is_held(span: Span, truth: float, ends: datetime) -> bool:
    """Return whether the range holds the truth, when both may be "not before the end"."""
    came = START + truth * DAY
    if came >= ends:
        return span.until is None
    return span.since is not None and span.since <= came and (span.until is None or came <= span.until)


def _share(found: Sequence[Case]) -> float:
    return mean(case.is_held for case in found)


def _coverage(name: str, found: Sequence[Case]) -> Figure:
    share = _share(found)
    return Figure(
        name=f"truths inside the range, {name}",
        unit="share",
        ours=share,
        goal=f"{LOWEST:g} to {HIGHEST:g}",
        met=LOWEST <= share <= HIGHEST,
    )


def _error(found: Sequence[Case], name: str, size: str) -> Figure:
    """Return how far off the median and the naive forecast are, as a share of the truth."""
    pairs = [(case.median / case.truth - 1, case.naive / case.truth - 1) for case in found if case.naive is not None]
    if size == "absolute":
        ours, naive = (median(abs(pair[n]) for pair in pairs) for n in (0, 1))
    elif size == "signed":
        ours, naive = (median(pair[n] for pair in pairs) for n in (0, 1))
    else:
        ours, naive = (mean(pair[n] for pair in pairs) for n in (0, 1))
    return Figure(
        name=name,
        unit="of the truth",
        ours=ours,
        naive=naive,
        ratio_to_naive=abs(ours / naive) if naive else None,
        goal="nearer to 0 than naive",
        met=abs(ours) <= abs(naive),
    )


def _band(number: int) -> str:
    low, high = BANDS[number]
    return f"{low:.2g} to {high:g} a day"


def figures_of(found: Sequence[Case]) -> list[Figure]:
    """Return what is promised: the coverage overall, by arrivals and by rate, and the errors beside naive."""
    by_arrivals = [_coverage(kind, [c for c in found if c.arrivals == kind]) for kind in PROMISED]
    by_rate = [_coverage(_band(n), [c for c in found if c.band == n]) for n in range(len(BANDS))]
    return [
        _coverage("all", found),
        *by_arrivals,
        *by_rate,
        _error(found, "bias: error of the median, mean", "mean"),
        _error(found, "bias: error of the median, median", "signed"),
        _error(found, "size of the error, median", "absolute"),
    ]


def notes_of(found: Sequence[Case], broken: Sequence[Case], silent: int) -> list[str]:
    """Return what stands beside the figures: cells, sides, width, ends, and where nothing is promised."""
    cells = (f"{kind}: {_by_rate([case for case in found if case.arrivals == kind])}" for kind in PROMISED)
    origins = (f"{origin}: {_cell([c for c in found if c.origin == origin])}" for origin in ORIGINS)
    early, late = mean(c.truth < c.since for c in found), mean(c.truth > c.until for c in found)
    ended = mean(c.is_held_with_end for c in found)
    widths = (
        f"{_band(n)}: {median((c.until - c.since) / c.median for c in found if c.band == n):.2f}"
        for n in range(len(BANDS))
    )
    return [
        f"{len(found):,} forecasts; in {silent:,} more there was too little to say. Stated is {STATED:.0%}.",
        f"It ran out before the range in {early:.3f}, after it in {late:.3f}.",
        f"Share by arrivals, in the order of the rates: {'; '.join(cells)}.",
        f"Share by days of past: {'; '.join(origins)}.",
        f"Median width of the range, of its median: {'; '.join(widths)}.",
        f"With an end 20 to 200 days ahead, where 'not before the end' is an answer too: {ended:.3f}.",
        f"Not promised: a rate like that of the magnets of 2025: {_share(broken):.3f}; by rate {_by_rate(broken)}.",
    ]


def _by_rate(found: Sequence[Case]) -> str:
    return ", ".join(_cell([case for case in found if case.band == n]) for n in range(len(BANDS)))


def _cell(found: Sequence[Case]) -> str:
    return f"{_share(found):.3f}"


def main() -> None:
    """Backtest with the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast.run", description=__doc__)
    parser.add_argument("--each", type=int, default=300, help="licences of each kind of arrivals and band (300)")
    parser.add_argument("--seed", type=int, default=23, help="of the simulation (23)")
    options = parser.parse_args()
    begun = perf_counter()
    everything = list(cases(options.seed, options.each))
    told = [case for case in everything if case is not None]
    found = [case for case in told if case.arrivals in PROMISED]
    broken = [case for case in told if case.arrivals not in PROMISED]
    number = options.each * len(ARRIVALS) * len(BANDS)
    notes = [
        f"{number:,} licences, seed {options.seed}; the method's constants were chosen on other seeds.",
        *notes_of(found, broken, len(everything) - len(told)),
    ]
    print(write_results("forecast", figures_of(found), notes))
    print(f"{perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
