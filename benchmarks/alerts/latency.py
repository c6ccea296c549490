"""From the decision on Kafka to the webhook, and what bad endpoints do to it."""

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import Any, NamedTuple

import httpx

from benchmarks.alerts.load import Maker
from benchmarks.alerts.system import System, bare, receiving, serving
from lanewatch.stack import StackConfig
from lanewatch.stack.ports import HOST, free_ports

WARM_S = 3.0
BAD = ("hang", "refuse", "fail", "reset", "endless")


class Latency(NamedTuple):
    """Of the healthy endpoints, in milliseconds."""

    p50: float
    p99: float
    arrived: int


def latency(report: dict[str, Any]) -> Latency:
    """Return what the healthy endpoints saw."""
    values = report["latencies_ms"]["ok"]
    cuts = quantiles(values, n=100)
    return Latency(cuts[49], cuts[98], len(values))


async def _run(system: System, maker: Maker, per_second: float, seconds: float) -> Latency:
    await system.publish_at(maker, per_second, WARM_S)
    await asyncio.sleep(1)
    await system.api.get(f"{system.receiver_url}/begin")
    await system.publish_at(maker, per_second, seconds)
    await asyncio.sleep(2)
    return latency(await system.report())


async def each_to_one(
    config: StackConfig, kinds: Sequence[str], per_second: float, seconds: float
) -> tuple[Latency, float]:
    """Send each alert to one of some endpoints in turn; return the latency, and the memory of the process."""
    groups = [f"group-{n}" for n in range(len(kinds))]
    async with serving(config) as system:
        for number, (kind, group) in enumerate(zip(kinds, groups, strict=True)):
            await system.subscribe(f"{system.receiver_url}/{kind}/{number}", commodity_groups=[group])
        return await _run(system, Maker(groups), per_second, seconds), system.peak_mb()


async def of_bare(config: StackConfig, endpoints: int, per_second: float, seconds: float) -> Latency:
    """Measure the bare loop."""
    async with bare(config, endpoints) as system:
        return await _run(system, Maker(), per_second, seconds)


class Among(NamedTuple):
    """How healthy endpoints fared, and what became of all."""

    latency: Latency
    peak_mb: float
    missing: int
    """Alerts that an endpoint never got, after all had recovered."""
    out_of_order: int
    recovered_s: float
    """From when they answered well until all had everything."""
    again: int
    """Alerts that an endpoint took twice."""


async def among_bad(config: StackConfig, well: int, of_each: int, per_second: float, seconds: float) -> Among:
    """Send each alert to all endpoints, of which many are bad, each in its way; then let the bad ones recover."""
    port = free_ports(1)[0]
    async with serving(config) as system:
        await system.subscribe(f"{system.receiver_url}/ok/0")
        for number in range(1, well):
            await system.subscribe(f"{system.receiver_url}/ok/{number}")
        for number in range(of_each):
            for kind in BAD:
                url = f"http://{HOST}:{port}" if kind == "refuse" else system.receiver_url
                await system.subscribe(f"{url}/{'ok' if kind == 'refuse' else kind}/bad-{number}")
        maker = Maker(lanes=50)
        measured = await _run(system, maker, per_second, seconds)
        peak = system.peak_mb()
        if not of_each:
            return Among(measured, peak, 0, 0, 0.0, 0)
        async with receiving(system.config, port) as late:
            await system.api.get(f"{system.receiver_url}/heal")
            start = time.perf_counter()
            await system.wait_for("SELECT -count(*) FROM alerts.delivery WHERE state <> 'delivered'", 0)
            recovered_s = time.perf_counter() - start
            reports = [await system.report(), (await httpx.AsyncClient().get(f"{late}/report")).json()]
        return Among(
            measured,
            peak,
            await system.count("SELECT count(*) FROM alerts.delivery WHERE state <> 'delivered'"),
            sum(report["out_of_order"] for report in reports),
            recovered_s,
            sum(report["again"] for report in reports),
        )
