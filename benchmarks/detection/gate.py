"""What the law and held shipments add: how soon a lane is restricted when they are known, beside what clears alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

import services.licensing
from benchmarks.detection.arrivals import poisson_often
from services.licensing.domain.flow import on_cleared, on_day_closed, on_decided, on_gate
from services.licensing.domain.lanes import Gate, Lane
from services.licensing.domain.policy import Policy, read_policy
from shared.events import Reason

START, LEARNING_DAYS, LONGEST_DAYS = datetime(2027, 3, 1, tzinfo=UTC), 240, 300
RATES, LANES = (0.2, 1.0, 3.0, 10.0, 50.0), 30
SHUT = Gate("shut", (Reason(rule="lane.gate.licences", says="a licence is required and there is none"),))


def gate_table(seed: int) -> list[str]:
    """Return by rate how long a full stop takes to be told, by what is known of it."""
    policy = read_policy((Path(services.licensing.__file__).parent / "policies" / "starter.json").read_bytes())
    lines = ["| shipments a day | clearances alone | held shipments too | the law too |", "| --- | --- | --- | --- |"]
    for rate in RATES:
        cells = []
        for known in ("nothing", "held", "law"):
            random = Random(seed)
            delays = [_delay(rate, known, policy, random) for _ in range(LANES)]
            told = sorted(delay for delay in delays if delay is not None)
            cells.append(f"{_say(median(told))} / {_say(told[int(0.95 * len(told))])} d" if told else "never")
        lines.append(f"| {rate:g} | {' | '.join(cells)} |")
    return lines


def _delay(rate: float, known: str, policy: Policy, random: Random) -> float | None:
    """Return after how many days of a full stop a lane is restricted; None for one that was not flowing."""
    lane = Lane("magnets", "CN", "DE")
    for day in range(LEARNING_DAYS):
        for at in _times(day, rate, random):
            on_decided(lane, at, is_refused=False, policy=policy)
            on_cleared(lane, at, 1_000_000_000, policy)
        on_day_closed(lane, (START + timedelta(days=day)).toordinal(), policy)
    if lane.state != "flowing":
        return None
    stop = START + timedelta(days=LEARNING_DAYS)
    if known == "law":
        on_gate(lane, SHUT, stop)
    for day in range(LEARNING_DAYS, LEARNING_DAYS + LONGEST_DAYS):
        refused = _times(day, rate, random) if known == "held" else []
        since = _restricted_since(lane, day, refused, policy)
        if since is not None:
            return (since - stop) / timedelta(days=1)
    return None


def _restricted_since(lane: Lane, day: int, refused: list[datetime], policy: Policy) -> datetime | None:
    """Let a day pass on which nothing clears, and return since when the lane is restricted, if it is."""
    for at in refused:
        if lane.state != "restricted":
            on_decided(lane, at, is_refused=True, policy=policy)
    if lane.state != "restricted":
        on_day_closed(lane, (START + timedelta(days=day)).toordinal(), policy)
    return lane.since if lane.state == "restricted" else None


def _times(day: int, rate: float, random: Random) -> list[datetime]:
    count = poisson_often(rate, random)
    return sorted(START + timedelta(days=day, seconds=random.uniform(0, 86_399)) for _ in range(count))


def _say(days: float) -> str:
    return f"{days:.2g}"
