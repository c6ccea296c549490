"""Measures the alerts service: `python -m benchmarks.alerts.run`. Rounds alternate; nothing is asserted."""

import argparse
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.alerts import latency, past, throughput
from benchmarks.ground import fresh_database, ground
from benchmarks.report import Figure, spread, write_results
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig
from lanewatch.stack.config import PROJECT

SVIX_SINGLE, SVIX_FAN_OUT = 695, 2660
PARTS = ("deliveries", "events", "matching", "past", "latency", "bad")
RATE = 200.0
ENDPOINTS = 10


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    parts: tuple[str, ...]
    deliveries: int
    rounds: int
    subscriptions: int
    past: int
    seconds: float
    folder: Path


Found = list[tuple[Figure, str]]


async def measure(plan: Plan) -> None:
    """Measure the parts and write them down."""
    parts: dict[str, Callable[[StackConfig, Plan], Awaitable[Found]]] = {
        "deliveries": _deliveries,
        "events": _events,
        "matching": _matching,
        "past": _past,
        "latency": _latency,
        "bad": _bad,
    }
    found: Found = []
    async with ground(plan.folder) as config:
        for name in plan.parts:
            found += await parts[name](config, plan)
    note = (
        f"{plan.rounds} rounds, {os.cpu_count()} processors, receivers on the same machine; alerts of some 700 bytes."
    )
    name = "alerts" if plan.parts == PARTS else f"alerts-{'-'.join(plan.parts)}"
    print(write_results(name, [figure for figure, _ in found], [note, *(note for _, note in found)]))


async def _take_turns(rounds: int, contenders: dict[str, Callable[[], Awaitable[Outcome]]]) -> dict[str, list[float]]:
    """Run contenders in turn and return their rates; the first round warms the machine."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name in list(contenders)[:: 1 if number % 2 else -1]:
            outcome = await contenders[name]()
            if number:
                found[name].append(outcome.per_second)
            print(f"round {number} {name}: {outcome.per_second:,.0f}/s", flush=True)
    return found


def _median_ratio(one: list[float], other: list[float]) -> float:
    return median(a / b for a, b in zip(one, other, strict=True))


async def _deliveries(config: StackConfig, plan: Plan) -> Found:
    found: Found = []
    for endpoints in (1, 1000):
        rates = await _take_turns(
            plan.rounds,
            {
                "ours": lambda n=endpoints: throughput.deliveries(config, n, plan.deliveries),  # type: ignore[misc]
                "floor": lambda n=endpoints: throughput.plain(config, n, plan.deliveries),  # type: ignore[misc]
            },
        )
        ratio = _median_ratio(rates["ours"], rates["floor"])
        figure = Figure(
            name=f"deliveries of one process, signed, logged and kept, to {endpoints:,} endpoints",
            unit="deliveries/s",
            ours=median(rates["ours"]),
            floor=median(rates["floor"]),
            ratio_to_floor=ratio,
            goal="at least 0.5 of a plain aiohttp client",
            met=ratio >= 0.5,  # noqa: PLR2004
        )
        found.append((figure, f"{endpoints:,} endpoints: " + _spreads(rates) + " deliveries/s."))
    return found


def _spreads(rates: dict[str, list[float]]) -> str:
    return "; ".join(f"{name} {spread(its)}" for name, its in rates.items())


async def _events(config: StackConfig, plan: Plan) -> Found:
    found: Found = []
    for endpoints, svix, what in ((1, SVIX_SINGLE, "to one endpoint"), (50, SVIX_FAN_OUT, "fanned out to 50")):
        alerts = plan.deliveries // 2 if endpoints == 1 else plan.deliveries // endpoints
        rates = await _take_turns(
            plan.rounds,
            {"ours": lambda n=endpoints, a=alerts: throughput.events(config, n, a)},  # type: ignore[misc]
        )
        figure = Figure(
            name=f"from Kafka to the record of the answer, {what}",
            unit="deliveries/s",
            ours=median(rates["ours"]),
            goal=f"at least {1.5 * svix:,.0f} (1.5 times what Svix's server did on such a machine)",
            met=median(rates["ours"]) >= 1.5 * svix,
        )
        found.append((figure, f"From Kafka, {what}: {_spreads(rates)} deliveries/s."))
    return found


async def _matching(config: StackConfig, plan: Plan) -> Found:
    taken: dict[int, list[float]] = {1000: [], plan.subscriptions: []}
    for _ in range(min(3, plan.rounds)):
        for total, its in taken.items():
            async with fresh_database(config) as own:
                outcome = await run_worker(own, "benchmarks.alerts.matching", str(total), "500")
            its.append(outcome.seconds * 1000)
            print(f"matching among {total:,}: {outcome.seconds * 1000:.3g} ms", flush=True)
    few, many = taken[1000], taken[plan.subscriptions]
    ratio = _median_ratio(many, few)
    figure = Figure(
        name=f"one alert recorded and matched, 10 of {plan.subscriptions:,} subscriptions want it",
        unit="ms",
        ours=median(many),
        floor=median(few),
        ratio_to_floor=ratio,
        goal="at most 1.5 times as long as among 1,000 (the floor)",
        met=ratio <= 1.5,  # noqa: PLR2004
    )
    return [(figure, f"Matching: among 1,000 {spread(few)}; among {plan.subscriptions:,} {spread(many)} ms.")]


async def _past(config: StackConfig, plan: Plan) -> Found:
    stock = await past.stock(config, plan.past)
    async with fresh_database(config) as empty:
        rates = await _take_turns(
            plan.rounds,
            {
                "with them": lambda: throughput.deliveries(config, 50, plan.deliveries, database=stock),
                "without": lambda: throughput.deliveries(config, 50, plan.deliveries, database=empty.database),
            },
        )
    ratio = _median_ratio(rates["without"], rates["with them"])
    figure = Figure(
        name=f"deliveries with {plan.past:,} past ones there, to 50 endpoints",
        unit="deliveries/s",
        ours=median(rates["with them"]),
        floor=median(rates["without"]),
        ratio_to_floor=1 / ratio,
        goal="at most 1.2 times slower than without",
        met=ratio <= 1.2,  # noqa: PLR2004
    )
    return [(figure, f"Past deliveries: {_spreads(rates)} deliveries/s; {ratio:.3g} times slower.")]


async def _latency(config: StackConfig, plan: Plan) -> Found:
    ours, bare, hanging = [], [], []
    kinds = ["ok"] * ENDPOINTS
    for number in range(min(3, plan.rounds)):
        ours.append((await latency.each_to_one(config, kinds, RATE, plan.seconds))[0])
        hanging.append((await latency.each_to_one(config, kinds[:5] + ["hang"] * 5, RATE, plan.seconds))[0])
        bare.append(await latency.of_bare(config, ENDPOINTS, RATE, plan.seconds))
        print(f"round {number}: ours {ours[-1]}, five hang {hanging[-1]}, bare {bare[-1]}", flush=True)
    found: Found = []
    for name, its, most in (("", ours, 10.0), (", five of ten endpoints hang", hanging, 15.0)):
        p99 = median(each.p99 for each in its)
        figure = Figure(
            name=f"from the decision on Kafka to the webhook at {RATE:g} a second, p99{name}",
            unit="ms",
            ours=p99,
            floor=median(each.p99 for each in bare),
            ratio_to_floor=p99 / median(each.p99 for each in bare),
            goal=f"under {most:g} ms",
            met=p99 < most,
        )
        medians = f"p50 {spread([e.p50 for e in its])}, p99 {spread([e.p99 for e in its])} ms"
        found.append((figure, f"Latency{name}: {medians}."))
    medians = f"p50 {spread([e.p50 for e in bare])}, p99 {spread([e.p99 for e in bare])} ms"
    return [*found[:-1], (found[-1][0], f"{found[-1][1]} Bare loop: {medians}.")]


async def _bad(config: StackConfig, plan: Plan) -> Found:
    alone, among = [], []
    for number in range(min(3, plan.rounds)):
        alone.append(await latency.among_bad(config, 25, 0, 8.0, plan.seconds))
        among.append(await latency.among_bad(config, 25, 5, 8.0, plan.seconds))
        print(f"round {number}: without {alone[-1]}, with {among[-1]}", flush=True)
    ratio = _median_ratio([e.latency.p99 for e in among], [e.latency.p99 for e in alone])
    figure = Figure(
        name="p99 of 25 healthy endpoints beside 25 bad ones",
        unit="ms",
        ours=median(e.latency.p99 for e in among),
        floor=median(e.latency.p99 for e in alone),
        ratio_to_floor=ratio,
        goal="at most 1.5 times that without the bad ones (the floor), and nothing lost",
        met=ratio <= 1.5 and not any(e.missing or e.out_of_order for e in among),  # noqa: PLR2004
    )
    memory, memory_alone = spread([e.peak_mb for e in among]), spread([e.peak_mb for e in alone])
    lost, disordered, again = (
        sum(each) for each in zip(*((e.missing, e.out_of_order, e.again) for e in among), strict=True)
    )
    note = (
        "Five endpoints each hang, refuse, answer 500, reset in the middle of the answer, never end it. "
        f"Memory {memory} MB, without them {memory_alone}. When they answered well, all had everything after "
        f"{spread([e.recovered_s for e in among])} s; missing {lost}, out of order {disordered}, taken twice {again}."
    )
    return [(figure, note)]


def main() -> None:
    """Read the options and measure."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=lambda text: tuple(text.split(",")), default=PARTS, help=",".join(PARTS))
    parser.add_argument("--deliveries", type=int, default=20_000, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--past", type=int, default=10_000_000, help="deliveries that are there already")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each open loop")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks")
    uvloop.run(measure(Plan(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
