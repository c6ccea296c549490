"""Measures licensing: `python -m benchmarks.licensing.run`. Rounds alternate; nothing is asserted."""

import argparse
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.ground import filled, fresh_database, ground
from benchmarks.licensing import growth
from benchmarks.licensing.journal import take_down
from benchmarks.licensing.load import START, make_log
from benchmarks.licensing.priming import prime
from benchmarks.report import Figure, spread, write_results
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig
from lanewatch.stack.config import PROJECT

GOAL_FLOOR, GOAL_NAIVE = 0.4, 30.0
NAIVE_SHARE = 20
"""The naive consumer gets a log so many times shorter, or it would take all day."""


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    events: int
    rounds: int
    folder: Path
    scale: float
    """Of the entries and licences of the growth measurement; 0 leaves it out."""


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and write it down."""
    figures, notes = [], [f"{plan.events:,} events a round, {plan.rounds} rounds, {os.cpu_count()} processors."]
    async with ground(plan.folder) as config:
        if plan.rounds:
            figure, said = await _beside(config, plan)
            figures.append(figure)
            notes += said
        if plan.scale:
            figure, said = await growth.measure(config, plan.events, plan.rounds, plan.scale)
            figures.append(figure)
            notes += said
    print(write_results("licensing", figures, notes))
    return figures


async def _beside(config: StackConfig, plan: Plan) -> tuple[Figure, list[str]]:
    """Measure ours beside the floor and the naive consumer."""
    log = await filled(config, "log", make_log(plan.events, "T000"))
    few = max(200, plan.events // NAIVE_SHARE)
    short = await filled(config, "short", make_log(few, "T000"), in_order=True)
    async with fresh_database(log) as own:
        await prime(own, START)
        taken = await take_down(own, plan.events)
    path = config.state_dir / "journal.pickle"
    taken.save(path)
    written = f"{taken.rows() / plan.events:.2f} rows an event, in {len(taken.batches)} batches"
    contenders = {
        "ours": (log, "benchmarks.licensing.ours", (str(plan.events),)),
        "floor": (log, "benchmarks.licensing.floor", (str(plan.events), str(path))),
        "naive": (short, "benchmarks.licensing.naive", (str(few),)),
    }
    found: dict[str, list[Outcome]] = {name: [] for name in contenders}
    for number in range(plan.rounds):
        names = list(contenders)
        for name in names[number % 3 :] + names[: number % 3]:
            where, module, arguments = contenders[name]
            outcome = await _once(where, module, *arguments)
            found[name].append(outcome)
            print(
                f"round {number + 1} {name}: {outcome.per_second:,.0f}/s, cpu {outcome.cpu_seconds:.2f} s", flush=True
            )
    notes = [_note(name, outcomes) for name, outcomes in found.items()]
    return _figure(found), [f"Our worker writes {written}; so does the floor.", *notes]


async def _once(config: StackConfig, module: str, *arguments: str) -> Outcome:
    async with fresh_database(config) as own:
        if not module.endswith("naive"):
            await prime(own, START)
        return await run_worker(own, module, *arguments)


def _figure(found: dict[str, list[Outcome]]) -> Figure:
    rates = {name: [outcome.per_second for outcome in outcomes] for name, outcomes in found.items()}
    to_floor = median(a / b for a, b in zip(rates["ours"], rates["floor"], strict=True))
    to_naive = median(a / b for a, b in zip(rates["ours"], rates["naive"], strict=True))
    return Figure(
        name="events of one worker",
        unit="events/s",
        ours=median(rates["ours"]),
        floor=median(rates["floor"]),
        naive=median(rates["naive"]),
        ratio_to_floor=to_floor,
        ratio_to_naive=to_naive,
        goal=f"at least {GOAL_NAIVE:g} x naive and {GOAL_FLOOR:g} x the floor",
        met=to_floor >= GOAL_FLOOR and to_naive >= GOAL_NAIVE,
    )


def _note(name: str, outcomes: list[Outcome]) -> str:
    cpu = median(outcome.cpu_seconds / outcome.events for outcome in outcomes)
    rates = spread([outcome.per_second for outcome in outcomes])
    return f"{name}: {rates} events/s; its process uses {cpu * 1e6:,.0f} µs of a processor an event."


def main() -> None:
    """Measure with the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.licensing.run", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="events a round (40000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks", help="where data is kept")
    parser.add_argument("--scale", type=float, default=1.0, help="of the 10,000,000 entries (1.0); 0 leaves them out")
    options = parser.parse_args()
    # A new topic's leader may take a moment; the client tries again, and says so.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    uvloop.run(measure(Plan(options.events, options.rounds, options.folder.resolve(), options.scale)))


if __name__ == "__main__":
    main()
