"""Measures the ingest: `python -m benchmarks.ingest.run`. Rounds alternate; nothing is asserted."""

import argparse
import logging
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.ground import ground
from benchmarks.ingest.load import declared
from benchmarks.report import Figure, spread, write_results
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig, Topics, service_part
from lanewatch.stack.config import PROJECT
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.topics import create_topics

CONNECTIONS = 64
GOAL_SINGLE = 0.7
GOAL_BULK = 0.6
GOAL_MB = 150.0
STREAM_EVENTS = 20_000
GIGABYTE = 10**9
SERVERS = {"ours": "services.ingest.main", "floor": "benchmarks.ingest.bare", "naive": "benchmarks.ingest.naive"}


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    singles: int
    lines: int
    rounds: int
    gigabytes: float
    """Of the stream that memory is watched with; 0 leaves it out."""
    folder: Path


async def measure(plan: Plan) -> list[Figure]:
    """Measure everything and write it down."""
    figures, notes = (
        [],
        [f"{plan.rounds} rounds, {os.cpu_count()} processors; an event has {len(declared(1)[0])} bytes."],
    )
    async with ground(plan.folder) as config:
        if plan.rounds:
            for measured in (_singles(config, plan), _bulk(config, plan)):
                figure, note = await measured
                figures.append(figure)
                notes.append(note)
        if plan.gigabytes:
            figure, note = await _memory(config, plan)
            figures.append(figure)
            notes.append(note)
    print(write_results("ingest", figures, notes))
    return figures


async def _singles(config: StackConfig, plan: Plan) -> tuple[Figure, str]:
    """Measure single posts to each server in turn."""
    found: dict[str, list[Outcome]] = {name: [] for name in SERVERS}
    for number in range(plan.rounds + 1):
        for name in list(found)[:: 1 if number % 2 else -1]:
            events = plan.singles if name != "naive" else plan.singles // 3
            async with _serving(config, SERVERS[name]) as (own, _):
                outcome = await run_worker(
                    own, "benchmarks.ingest.posting", str(own.ingest_port), str(events), str(CONNECTIONS)
                )
            _note(found[name], outcome, number, f"{name}, one event a request")
    rates = {name: [outcome.per_second for outcome in outcomes] for name, outcomes in found.items()}
    ratio = median(a / b for a, b in zip(rates["ours"], rates["floor"], strict=True))
    figure = Figure(
        name=f"one event a request, {CONNECTIONS} connections",
        unit="events/s",
        ours=median(rates["ours"]),
        floor=median(rates["floor"]),
        naive=median(rates["naive"]),
        ratio_to_floor=ratio,
        ratio_to_naive=median(a / b for a, b in zip(rates["ours"], rates["naive"], strict=True)),
        goal=f"at least {GOAL_SINGLE:g} of the floor",
        met=ratio >= GOAL_SINGLE,
    )
    return figure, "One event a request: " + "; ".join(
        f"{name} {spread(r)}" for name, r in rates.items()
    ) + " events/s."


async def _bulk(config: StackConfig, plan: Plan) -> tuple[Figure, str]:
    """Measure a stream of lines and the bare producer in turn."""
    found: dict[str, list[Outcome]] = {"ours": [], "floor": []}
    for number in range(plan.rounds + 1):
        for name in list(found)[:: 1 if number % 2 else -1]:
            if name == "ours":
                async with _serving(config, SERVERS["ours"]) as (own, _):
                    outcome = await run_worker(
                        own, "benchmarks.ingest.streaming", str(own.ingest_port), str(plan.lines), "1"
                    )
            else:
                outcome = await run_worker(await _own_topics(config), "benchmarks.ingest.raw", str(plan.lines))
            _note(found[name], outcome, number, f"{name}, bulk")
    rates = {name: [outcome.per_second for outcome in outcomes] for name, outcomes in found.items()}
    ratio = median(a / b for a, b in zip(rates["ours"], rates["floor"], strict=True))
    figure = Figure(
        name="lines in one request",
        unit="events/s",
        ours=median(rates["ours"]),
        floor=median(rates["floor"]),
        ratio_to_floor=ratio,
        goal=f"at least {GOAL_BULK:g} of the bare producer",
        met=ratio >= GOAL_BULK,
    )
    return figure, "Lines: " + "; ".join(f"{name} {spread(r)}" for name, r in rates.items()) + " events/s."


async def _memory(config: StackConfig, plan: Plan) -> tuple[Figure, str]:
    """Measure the most memory that the ingest ever takes while one long stream comes in."""
    size = sum(len(body) + 1 for body in declared(STREAM_EVENTS))
    repeats = max(1, round(plan.gigabytes * GIGABYTE / size))
    async with _serving(config, SERVERS["ours"]) as (own, keeper):
        before = _peak_mb(keeper)
        outcome = await run_worker(
            own, "benchmarks.ingest.streaming", str(own.ingest_port), str(STREAM_EVENTS), str(repeats)
        )
        peak = _peak_mb(keeper)
    figure = Figure(
        name=f"memory of the process during a stream of {size * repeats / GIGABYTE:.2g} GB",
        unit="MB",
        ours=peak,
        floor=before,
        goal=f"less than {GOAL_MB:g}",
        met=peak < GOAL_MB,
    )
    return figure, (
        f"The stream of {outcome.events:,} lines took {outcome.seconds:.0f} s; its floor is the process before it. "
        "Memory is the greatest resident set (VmHWM)."
    )


def _note(into: list[Outcome], outcome: Outcome, number: int, what: str) -> None:
    if number:  # The first round warms the machine.
        into.append(outcome)
    print(f"round {number} {what}: {outcome.per_second:,.0f}/s", flush=True)


@asynccontextmanager
async def _serving(config: StackConfig, module: str) -> AsyncIterator[tuple[StackConfig, Keeper]]:
    """Run a server on topics of its own."""
    own = await _own_topics(config)
    part = service_part(own, "ingest")
    command = replace(part.command, argv=(sys.executable, "-m", module, str(own.ingest_port)))
    keeper = Keeper(replace(part, command=command))
    await keeper.start()
    try:
        yield own, keeper
    finally:
        await keeper.stop()


async def _own_topics(config: StackConfig) -> StackConfig:
    name = f"ingest-{secrets.token_hex(3)}"
    topics = Topics(**{field: f"{name}.{topic}" for field, topic in vars(Topics()).items()})
    await create_topics(config.bootstrap, topics)
    return replace(config, topics=topics)


def _peak_mb(keeper: Keeper) -> float:
    text = Path(f"/proc/{keeper.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) / 1000 if found else float("nan")


def main() -> None:
    """Read the options and measure."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--singles", type=int, default=40_000, help="events posted one by one in each round")
    parser.add_argument("--lines", type=int, default=200_000, help="lines streamed in each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; 0 leaves the rates out")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the long stream; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks")
    uvloop.run(measure(Plan(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
