"""What a lane's usual rate is, how it spreads over the week and how much its goods come in clumps."""

from math import sqrt

import msgspec

WEEK = 7
MEMORY_DAYS = 120.0
"""The baseline follows drift over about so many days, or over `MEMORY_SHIPMENTS` where those take longer."""
MEMORY_SHIPMENTS = 150.0
EVEN_WEEK = 20.0
"""So many shipments are taken to have been seen on each day of the week before any was."""
EVEN_ARRIVALS = 10.0
EVEN_WEEKS = 4.0
USUAL_CLUMPING = 1.1
"""So many shipments, and so many weeks, are taken to have been seen clumped so, before any was."""
CLUMPING_DOUBT = 4.0
"""The squared relative error of the clumping that a pair of weeks leaves."""
CLUMPS_MEMORY_DAYS = 730.0
"""How far goods come in clumps is the lane's nature; it is forgotten more slowly than its rate."""
BUSY = 0.5
"""Of all days: from more busy ones than that on, the silent ones tell too little."""


class Clumps(msgspec.Struct):
    """Weeks compared with the weeks before them, so that neither drift nor the days of the week count as clumps."""

    differences: float = 0.0
    """Squared."""
    compared: float = 0.0
    """The sum of what was compared."""
    week: float = 0.0
    last_week: float | None = None

    def clumping(self, per_day: float) -> float:
        """Return variance over mean of a week: 1 for single goods at random, 3 where they come by threes."""
        even = EVEN_ARRIVALS + 2 * WEEK * EVEN_WEEKS * per_day
        return max(1.0, (self.differences + USUAL_CLUMPING * even) / (self.compared + even))

    def close_week(self, per_day: float) -> None:
        """Compare the week with the one before."""
        if self.last_week is not None:
            self.differences += (self.week - self.last_week) * (self.week - self.last_week)
            self.compared += self.week + self.last_week
            memory = 2 * max(2 * MEMORY_SHIPMENTS * self.clumping(per_day), CLUMPS_MEMORY_DAYS * per_day)
            if self.compared > memory:
                self.differences *= memory / self.compared
                self.compared = memory
        self.last_week, self.week = self.week, 0.0

    def forget_week(self) -> None:
        """Compare nothing with the weeks so far."""
        self.week, self.last_week = 0.0, None


class Baseline(msgspec.Struct, kw_only=True):
    """A lane's usual clearances, with constant memory. What is old fades."""

    shipments: float = 0.0
    mass: float = 0.0
    days: float = 0.0
    busy_days: float = 0.0
    """Days on which anything cleared."""
    weekdays: list[float] = msgspec.field(default_factory=lambda: [0.0] * WEEK)
    """Shipments by day of the week, Monday first."""
    week_days: int = 0
    counts: Clumps = msgspec.field(default_factory=Clumps)
    worths: Clumps = msgspec.field(default_factory=Clumps)
    """Of masses, as so many usual shipments."""

    @property
    def per_day(self) -> float:
        """Shipments a day, over the whole week; 0 where nothing is known."""
        return self.shipments / self.days if self.days else 0.0

    def worth(self, mass: float, shipments: int) -> float:
        """Return of how many usual shipments a mass is the worth; where none is known, as many as there are."""
        return mass * self.shipments / self.mass if self.mass > 0 and self.shipments > 0 else float(shipments)

    @property
    def clumping(self) -> float:
        """How far shipments come in clumps."""
        return self.counts.clumping(self.per_day)

    @property
    def lumping(self) -> float:
        """How far masses do: by clumps of shipments and by large ones among small."""
        return self.worths.clumping(self.per_day)

    @property
    def silence_per_day(self) -> float:
        """By how much a silent day adds to the gap chart, as a share of the usual rate.

        That of the negative binomial, or where most days are silent what they say themselves, if that is less: goods
        that come four at a time leave longer gaps. -ln(1 - p) as p (6 - p) / (6 - 4 p), off by a hundredth at most.
        """
        by_clumps, busy = 1 / mean_clump(self.clumping), self.busy_days / self.days
        if busy > BUSY:
            return by_clumps
        return min(by_clumps, busy * (6 - busy) / (6 - 4 * busy) / self.per_day)

    def doubt(self, clumping: float) -> float:
        """Return the squared relative error of the usual rate of independent arrivals, with that of their clumping."""
        pairs = self.counts.compared / (2 * WEEK * self.per_day)
        return clumping / self.shipments + (1 - 1 / clumping) * CLUMPING_DOUBT / (pairs + EVEN_WEEKS)

    def expected(self, day: int) -> float:
        """Return how many shipments are usual on a day, as a proleptic ordinal."""
        share = (self.weekdays[(day - 1) % WEEK] + EVEN_WEEK) / (sum(self.weekdays) + WEEK * EVEN_WEEK)
        return self.per_day * WEEK * share

    def take_in(self, shipments: float, mass: float, days: float, busy_days: float) -> None:
        """Learn from a span in which the lane went its usual way."""
        self.shipments += shipments
        self.mass += mass
        self.days += days
        self.busy_days += busy_days
        memory = max(MEMORY_DAYS, MEMORY_SHIPMENTS * self.clumping * self.days / max(self.shipments, 1.0))
        if self.days > memory:
            fading = memory / self.days
            self.days *= fading
            self.busy_days *= fading
            self.shipments *= fading
            self.mass *= fading

    def take_day(self, day: int, shipments: int, worth: float) -> None:
        """Learn how arrivals spread. Days are taken one after another, but not those of a break."""
        self.weekdays[(day - 1) % WEEK] += shipments
        self.week_days += 1
        self.counts.week += shipments
        self.worths.week += worth
        if self.week_days == WEEK:
            seen, most = sum(self.weekdays), max(MEMORY_SHIPMENTS * WEEK, MEMORY_DAYS / WEEK * self.counts.week)
            if seen > most:
                self.weekdays = [count * most / seen for count in self.weekdays]
            self.week_days = 0
            self.counts.close_week(self.per_day)
            self.worths.close_week(self.per_day)

    def forget_week(self) -> None:
        """Compare nothing with the weeks so far: what comes is not their sequel."""
        self.week_days = 0
        self.counts.forget_week()
        self.worths.forget_week()


def mean_clump(clumping: float) -> float:
    """Return how many shipments come together in a negative binomial of that variance over mean: (v - 1) / ln v.

    It is the logarithmic mean of v and 1, which is near (2 G + A) / 3 of their geometric and arithmetic means.
    """
    return (2 * sqrt(clumping) + (clumping + 1) / 2) / 3
