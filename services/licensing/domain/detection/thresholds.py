"""How high a chart must stand before it speaks, so that a lane changes falsely once in ten years.

The heights are exact for arrivals at random (`python -m benchmarks.detection.thresholds` works them out); how
the errors of a learned baseline and several charts side by side come to one rate is measured in `benchmarks/detection`.
Only the four operations and the square root are used in detection, so that every machine gets the same.
"""

from typing import NamedTuple

YEARS_BETWEEN_FALSE_CHANGES = 10
DAYS_BETWEEN_FALSE_CHANGES = 3652.5
DAYS_BETWEEN_FALSE_RETURNS = 3652.5


class Chart(NamedTuple):
    """A CUSUM for a drop: it rises by `reference` for each shipment that is usual and falls by one for each cleared."""

    reference: float
    """Of the usual rate: a lasting rate below it drives the chart up, one above it down. 0: any shipment clears it."""
    strain: float
    """How much an error of the baseline weighs: the squared elasticity of the chart's decay, times that decay."""
    share: float
    """Of all false changes. The shares come to more than one, since false changes coincide."""
    clumping: float
    """How far clumps weigh by their variance over mean, and not by their mean size."""


GAP = Chart(0.0, 1.0, 1.2, 0.0)
SLUMPS = (Chart(0.50, 4.51, 0.5, 0.4), Chart(0.62, 5.58, 0.35, 0.57))
"""The first is near the best for drops to 0.1 and 0.3 of the usual rate, the second for one to a half."""

FIRST_OCTAVE, LAST_OCTAVE = 4, 15
HEIGHTS: dict[float, tuple[float, ...]] = {
    0.0: (2.833, 3.497, 4.174, 4.860, 5.549, 6.240, 6.932, 7.625, 8.318, 9.011, 9.704, 10.397),
    0.5: (1.437, 1.807, 2.200, 2.609, 3.029, 3.456, 3.886, 4.318, 4.751, 5.186, 5.620, 6.055),
    0.62: (1.837, 2.352, 2.916, 3.515, 4.139, 4.779, 5.428, 6.083, 6.741, 7.401, 8.062, 8.724),
}
"""By chart: its height for one false change in 2^4, 2^5 … 2^15 expected shipments, in continuous time."""


class Return(NamedTuple):
    """A chart for the way back from a low level: it rises by one for each cleared shipment."""

    low: float
    """The low level, of the usual rate."""
    reference: float
    """It falls by so much for each shipment that the usual rate would bring: (1 - low) / ln(1 / low)."""
    weight: float
    """Of one cleared shipment, as the logarithm of how much likelier the usual rate makes it: ln(1 / low)."""


RETURNS = (
    Return(0.05, 0.317, 2.996),
    Return(0.10, 0.391, 2.303),
    Return(0.20, 0.497, 1.609),
    Return(0.30, 0.581, 1.204),
    Return(0.40, 0.655, 0.916),
    Return(0.50, 0.721, 0.693),
)
_LOGARITHMS = tuple(0.693147 * octave for octave in range(25))

LEAST_DOUBT = 0.0067
"""Squared: rates drift by eight percent without a cause."""


def height(chart: Chart, per_day: float, doubt: float) -> float:
    """Return the height at which a drop is told, in independent arrivals.

    `per_day` is how many of them are usual; `doubt` is the squared relative error of that. Charts are looked at once a
    day, so that arrivals within one day are hardly more chances of a false change than one. An error of the baseline
    makes false changes likelier than it makes them rarer; so the less is known, the higher. For the gap chart that is
    the predictive distribution of a gamma-Poisson rate, n (e^(h/n) - 1).
    """
    chances = DAYS_BETWEEN_FALSE_CHANGES * per_day / (1 + per_day / 2) / chart.share
    if not chart.reference:
        # A silence counts in whole days, so half a day more than needed is waited for on average.
        chances /= 1 + per_day / 2
    plain = _at(HEIGHTS[chart.reference], chances, FIRST_OCTAVE)
    x = chart.strain * plain * max(doubt, LEAST_DOUBT)
    return plain * (1 + x / 2 * (1 + x / 3 * (1 + x / 4)))


def return_for(share: float) -> Return:
    """Return the chart for the way back from a share of the usual rate."""
    for back in RETURNS:
        if share <= back.low:
            return back
    return RETURNS[-1]


def return_height(back: Return, clumps: float) -> float:
    """Return the height at which the way back is told: by Lorden's bound, falsely once in `clumps` arrivals."""
    return _at(_LOGARITHMS, max(1.0, clumps * back.low), 0) / back.weight


def _at(table: tuple[float, ...], value: float, first_octave: int) -> float:
    """Return what a table by powers of two says of a value between them."""
    place, floor = 0, 2.0**first_octave
    while value >= floor * 2 and place < len(table) - 2:
        place, floor = place + 1, floor * 2
    part = max(0.0, min(1.0, value / floor - 1))
    return table[place] + (table[place + 1] - table[place]) * part
