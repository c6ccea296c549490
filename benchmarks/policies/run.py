"""Measures monitoring rules: `python -m benchmarks.policies.run`. Rounds alternate; nothing is asserted."""

import argparse
import logging
import os
import secrets
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

import msgspec
import uvloop

from benchmarks.ground import filled, fresh_database, ground
from benchmarks.licensing.growth import LICENCES, grown_database
from benchmarks.licensing.load import START, make_log
from benchmarks.licensing.priming import feed, prime
from benchmarks.policies.rules import RULES, rulebook
from benchmarks.report import Figure, spread, write_results
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig
from lanewatch.stack.config import PROJECT

DECISIONS = 1_000_000
DECISIONS_A_COPY = 3_800
"""At least so many decisions are in the stock that is copied."""
GOAL_SHARE = 0.25
GOAL_SECONDS = 120.0


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    events: int
    rounds: int
    folder: Path
    scale: float
    """Of the million decisions of the backtest; 0 leaves it out."""


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and write it down."""
    figures, notes = [], [f"{plan.events:,} events a round, {plan.rounds} rounds, {os.cpu_count()} processors."]
    async with ground(plan.folder) as config:
        if plan.rounds:
            figure, said = await _in_the_worker(config, plan)
            figures.append(figure)
            notes += said
        if plan.scale:
            figure, said = await _in_a_backtest(config, plan)
            figures.append(figure)
            notes += said
    print(write_results("policies", figures, notes))
    return figures


async def _in_the_worker(config: StackConfig, plan: Plan) -> tuple[Figure, list[str]]:
    """Measure the worker in turn without rules and with all of them."""
    found: dict[str, list[Outcome]] = {"without": [], "with": []}
    for number in range(plan.rounds + 1):
        log = await filled(config, f"log-{secrets.token_hex(2)}", make_log(plan.events, "T000", seed=number))
        for name in list(found)[:: 1 if number % 2 else -1]:
            async with fresh_database(log) as own:
                await prime(own, START)
                if name == "with":
                    await feed(own, [_roll_out()])
                outcome = await run_worker(own, "benchmarks.licensing.ours", str(plan.events))
            if number:  # The first round warms the machine.
                found[name].append(outcome)
            print(f"round {number} {name}: {outcome.per_second:,.0f}/s, cpu {outcome.cpu_seconds:.2f} s", flush=True)
    pairs = list(zip(found["with"], found["without"], strict=True))
    shares = [1 - without.cpu_seconds / ruled.cpu_seconds for ruled, without in pairs]
    rates = {name: spread([o.per_second for o in outcomes]) for name, outcomes in found.items()}
    figure = Figure(
        name=f"share of the worker's processor time that {RULES} rules take",
        unit="share",
        ours=median(shares),
        goal=f"less than {GOAL_SHARE:g}",
        met=median(shares) < GOAL_SHARE,
    )
    notes = [
        f"Share of the worker's own processor time: {spread(shares)}.",
        f"With {RULES} rules {rates['with']} events/s, without {rates['without']} events/s.",
    ]
    return figure, notes


def _roll_out() -> bytes:
    at = START.replace(year=START.year - 2).isoformat()
    head = {
        "specversion": "1.0",
        "id": "rulebook",
        "source": "/operator",
        "type": "trade.policy.rolled_out",
        "time": at,
    }
    return msgspec.json.encode({**head, "data": rulebook()})


async def _in_a_backtest(config: StackConfig, plan: Plan) -> tuple[Figure, list[str]]:
    """Measure a backtest over a grown database, beside reading the same rows and nothing else."""
    copies = max(2, ceil(DECISIONS * plan.scale / DECISIONS_A_COPY))
    grown, sizes = await grown_database(config, "backtested", copies)
    found: dict[str, list[Outcome]] = {"ours": [], "floor": []}
    for number in range(max(1, plan.rounds // 2)):
        for name in list(found)[:: 1 if number % 2 else -1]:
            outcome = await run_worker(grown, "benchmarks.policies.backtesting", name)
            found[name].append(outcome)
            print(f"backtest {name}: {outcome.seconds:.1f} s, {outcome.per_second:,.0f}/s", flush=True)
    seconds = [outcome.seconds for outcome in found["ours"]]
    decisions = found["ours"][0].events
    figure = Figure(
        name=f"backtest of {RULES} rules over {decisions:,} recorded decisions",
        unit="s",
        ours=median(seconds),
        floor=median(outcome.seconds for outcome in found["floor"]),
        ratio_to_floor=median(a.seconds / b.seconds for a, b in zip(found["ours"], found["floor"], strict=True)),
        goal=f"less than {GOAL_SECONDS:g}",
        met=median(seconds) < GOAL_SECONDS,
    )
    notes = [
        f"Backtest: {spread(seconds)} s for {decisions:,} decisions, with {sizes} there.",
        f"What {LICENCES:,} licences brought is the service's own work, the rest copies of it.",
        "The floor reads the same rows, a page after the other.",
    ]
    return figure, notes


def main() -> None:
    """Measure with the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies.run", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="events a round (40000)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds (4)")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks", help="where data is kept")
    parser.add_argument("--scale", type=float, default=1.0, help="of the 1,000,000 decisions (1.0); 0 leaves them out")
    options = parser.parse_args()
    # A new topic's leader may take a moment; the client tries again, and says so.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(measure(Plan(options.events, options.rounds, options.folder.resolve(), options.scale)))


if __name__ == "__main__":
    main()
