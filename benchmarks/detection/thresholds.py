"""Works out the table of `services/licensing/domain/detection/thresholds.py`.

`python -m benchmarks.detection.thresholds` prints it. A slump chart rises by its reference value for each shipment that
is usual, falls by one for each that cleared, and never below zero: a Poisson CUSUM (Lucas 1985), here in continuous
time. That is a spectrally negative Lévy process reflected at its infimum, whose mean time to a height is the integral
of its scale function (Pistorius 2004), and for Poisson arrivals that function is a finite sum. So the average run
lengths are exact and need no simulation.
"""

from decimal import Decimal, localcontext

from services.licensing.domain.detection.thresholds import FIRST_OCTAVE, GAP, LAST_OCTAVE, SLUMPS

DIGITS = 60
"""Of the decimals: the terms of the sum cancel, and none of the first fifteen digits may be lost."""
STEPS = 32
"""Of Simpson's rule within a height of one; the scale function has its corners at whole heights."""


def mean_run(reference: float, height: float) -> float:
    """Return after how many expected shipments a slump chart reaches a height on average, at the usual rate."""
    with localcontext() as context:
        context.prec = DIGITS
        total, low, top = Decimal(0), Decimal(0), Decimal(str(height))
        while low < top:
            high = min(low + 1, top)
            total += _simpson(Decimal(str(reference)), low, high)
            low = high
        return float(total)


def height_for(reference: float, run: float) -> float:
    """Return the height that a slump chart reaches after `run` expected shipments on average. 0 is the gap chart."""
    low, high = 0.0, 64.0
    while high - low > 1e-4:  # noqa: PLR2004 - finer than the table's three digits
        middle = (low + high) / 2
        low, high = (middle, high) if _run(reference, middle) < run else (low, middle)
    return high


def _run(reference: float, height: float) -> float:
    if reference == 0:
        # The mean time to the first gap of a length between arrivals.
        return float(Decimal(str(height)).exp() - 1)
    return mean_run(reference, height)


def _simpson(reference: Decimal, low: Decimal, high: Decimal) -> Decimal:
    step = (high - low) / STEPS
    inner = sum(
        ((4 if i % 2 else 2) * _scale(reference, low + step * i, low) for i in range(1, STEPS)),
        Decimal(0),
    )
    return (_scale(reference, low, low) + inner + _scale(reference, high, low)) * step / 3


def _scale(reference: Decimal, height: Decimal, corner: Decimal) -> Decimal:
    """Return the scale function, as it runs on from a whole height up to the next."""
    total, factorial = Decimal(0), Decimal(1)
    for k in range(int(corner) + 1):
        late = (height - k) / reference
        total += late.exp() * ((-late) ** k if k else 1) / factorial
        factorial *= k + 1
    return total / reference


def main() -> None:
    """Print the table."""
    for chart in (GAP, *SLUMPS):
        runs = [2.0**octave for octave in range(FIRST_OCTAVE, LAST_OCTAVE + 1)]
        print(f"    {chart.reference}: ({', '.join(f'{height_for(chart.reference, run):.3f}' for run in runs)}),")


if __name__ == "__main__":
    main()
