"""The table of thresholds against the formula it comes from and against simulated arrivals."""

from random import Random
from statistics import mean

import pytest

from benchmarks.detection.thresholds import height_for, mean_run
from services.licensing.domain.detection.baseline import mean_clump
from services.licensing.domain.detection.thresholds import (
    FIRST_OCTAVE,
    GAP,
    HEIGHTS,
    RETURNS,
    SLUMPS,
    Chart,
    height,
    return_for,
)


@pytest.mark.parametrize("chart", [GAP, *SLUMPS])
@pytest.mark.parametrize("place", [0, 5])
def test_the_table_is_what_its_formula_gives(chart: Chart, place: int) -> None:
    reference = chart.reference
    assert HEIGHTS[reference][place] == pytest.approx(height_for(reference, 2.0 ** (FIRST_OCTAVE + place)), abs=0.002)


@pytest.mark.parametrize("reference, top", [(0.5, 2.0), (0.62, 3.0)])
def test_the_formula_agrees_with_simulated_arrivals(reference: float, top: float) -> None:
    random = Random(5)
    runs = [_run(reference, top, random) for _ in range(4000)]
    assert mean(runs) == pytest.approx(mean_run(reference, top), rel=0.06)


def test_heights_grow_with_the_rate_and_with_doubt() -> None:
    for chart in (GAP, *SLUMPS):
        assert height(chart, 0.05, 0.01) < height(chart, 0.5, 0.01) < height(chart, 0.5, 0.1)


def test_clumps_weigh_as_the_logarithmic_ones_of_the_negative_binomial() -> None:
    # (v - 1) / ln v for a variance over mean of v.
    assert mean_clump(1) == 1
    assert mean_clump(3) == pytest.approx(1.820, abs=0.005)
    assert mean_clump(5) == pytest.approx(2.485, abs=0.02)


def test_the_way_back_is_measured_from_no_lower_level_than_was_seen() -> None:
    assert return_for(0.0) == RETURNS[0]
    assert return_for(0.21).low == 0.3
    assert return_for(0.9) == RETURNS[-1]


def _run(reference: float, top: float, random: Random) -> float:
    stands, time = 0.0, 0.0
    while True:
        wait = random.expovariate(1.0)
        if stands + reference * wait >= top:
            return time + (top - stands) / reference
        time += wait
        stands = max(0.0, stands + reference * wait - 1)
