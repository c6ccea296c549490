"""Measures a recovery beside others' first attempts: `python -m benchmarks.alerts_recovery.run`. Asserts nothing."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import uvloop
from sqlalchemy import text

from benchmarks.ground import fresh_database, ground
from benchmarks.report import Figure, spread, write_results
from lanewatch.stack import Keeper, Part, StackConfig, Topics, service_part
from lanewatch.stack.config import PROJECT
from lanewatch.stack.ports import free_ports
from lanewatch.stack.probes import answers_ok
from lanewatch.stack.process import Command
from lanewatch.stack.topics import create_topics
from shared.cloudevents import alert, write
from shared.database import make_engine, transaction
from shared.events import LaneChanged, Scope
from shared.kafka import producing

GOAL = 1.5
ENDPOINTS = 25
SEED_AT_ONCE = 10_000
WINDOW_S = 5.0
NOW = datetime(2025, 4, 4, tzinfo=UTC)

# A past alert looks like those that come now.
_SEED = text("""
WITH made AS (
    INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, body)
    SELECT '/past', gen_random_uuid(), 'lanewatch.lane.changed', 'critical', 'past/CN/DE', now(), :body
    FROM generate_series(1, :count) RETURNING alert_no
)
INSERT INTO alerts.delivery (subscription_id, alert_no, state, attempts, settled_at)
SELECT CAST(:id AS uuid), alert_no, 'exhausted', 10, now() FROM made""")


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    alerts: int
    rate: int
    seconds: float
    """Of quiet before and after."""
    folder: Path


@dataclass(frozen=True)
class Found:
    """What was seen."""

    quiet_ms: list[tuple[float, float]]
    """Median and p99 of each window without a recovery."""
    recovering_ms: list[tuple[float, float]]
    seconds: float
    progress: list[dict[str, Any]]
    after_kills: dict[str, Any]
    doubles: int
    missing: int


async def measure(config: StackConfig, plan: Plan) -> Found:
    """Recover once beside others, then once more with the process killed twice on the way."""
    async with _running(config) as (keeper, api, receiver):
        past = await _subscribe(api, f"{receiver}/past", "past")
        for number in range(ENDPOINTS):
            await _subscribe(api, f"{receiver}/new/{number}", f"new-{number}")
        await _seed(config, past, plan.alerts)
        load = asyncio.create_task(_publish(config, plan.rate))
        sampler = _Sampler(receiver)
        await sampler.take(min(WINDOW_S, plan.seconds))  # The first one warms the machine.
        quiet = [await sampler.take(min(WINDOW_S, plan.seconds)) for _ in range(_windows(plan))]
        print("quiet is measured; now a recovery", flush=True)
        began = time.perf_counter()
        progress, recovering = await _recover(api, past, "undelivered", sampler)
        seconds = time.perf_counter() - began
        quiet += [await sampler.take(min(WINDOW_S, plan.seconds)) for _ in range(_windows(plan))]
        load.cancel()
        print("now once more, with kills", flush=True)
        before = await sampler.counts()
        after_kills = await _recover_killed(keeper, api, past, plan.alerts)
        after = await sampler.counts()
    return Found(
        [_figures(window) for window in quiet if window],
        [_figures(window) for window in recovering if window],
        seconds,
        progress,
        after_kills,
        doubles=after["doubles"] - before["doubles"] - plan.alerts,
        missing=plan.alerts - before["past"],
    )


def _windows(plan: Plan) -> int:
    return max(1, round(plan.seconds / WINDOW_S))


def _figures(times_ms: list[float]) -> tuple[float, float]:
    ordered = sorted(times_ms)
    return median(ordered), ordered[int(len(ordered) * 0.99)]


@asynccontextmanager
async def _running(config: StackConfig) -> AsyncIterator[tuple[Keeper, httpx.AsyncClient, str]]:
    port = free_ports(1)[0]
    argv = (sys.executable, "-m", "benchmarks.alerts_recovery.receiver", str(port))
    command = Command(argv, config.log_dir / "receiver.log", config.environment())
    receiver = Keeper(Part("receiver", command, lambda: answers_ok(port, "/")))
    service = Keeper(service_part(config, "alerts"))
    await receiver.start()
    await service.start()
    try:
        async with httpx.AsyncClient(base_url=config.url_of("alerts"), timeout=30) as api:
            yield service, api, f"http://127.0.0.1:{port}"
    finally:
        await service.stop()
        await receiver.stop()


async def _subscribe(api: httpx.AsyncClient, url: str, group: str) -> str:
    form = {"name": group, "url": url, "filter": {"commodity_groups": [group]}}
    return str((await api.post("/v1/subscriptions", json=form)).raise_for_status().json()["subscription_id"])


def _body(group: str, number: int) -> bytes:
    lane = f"{group}/CN/DE"
    data = LaneChanged(
        scope=Scope(commodity_groups=(group,), origin="CN", destinations=("DE",)),
        severity="critical",
        headline="Dysprosium magnets to Germany are restricted",
        lane_id=lane,
        sequence=number,
        previous="flowing",
        state="restricted",
        since=NOW,
        reasons=(),
        caused_by="/customs evt-1",
    )
    return write(alert("lanewatch.lane.changed", id=f"{time.time_ns()}:{number}", time=NOW, key=lane, data=data))


async def _seed(config: StackConfig, subscription_id: str, count: int) -> None:
    engine = make_engine(config.database_url, "benchmark")
    values = {"id": subscription_id, "body": _body("past", 1)}
    for done in range(0, count, SEED_AT_ONCE):
        async with transaction(engine) as connection:
            await connection.execute(_SEED, values | {"count": min(SEED_AT_ONCE, count - done)})
    await engine.dispose()


async def _publish(config: StackConfig, rate: int) -> None:
    """Publish alerts of the other endpoints' groups, so many a second, until cancelled."""
    async with producing(config.bootstrap, "benchmark") as producer:
        began, number = time.perf_counter(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            await producer.send(config.topics.decisions, _body(f"new-{number % ENDPOINTS}", number), partition=0)


class _Sampler:
    def __init__(self, receiver: str) -> None:
        self._receiver = receiver

    async def counts(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            found: dict[str, Any] = (await client.get(self._receiver)).json()
        return found

    async def take(self, seconds: float) -> list[float]:
        """Return what the others' alerts took in the next seconds."""
        await self.counts()
        await asyncio.sleep(seconds)
        return list((await self.counts())["times_ms"])


async def _ask(api: httpx.AsyncClient, subscription_id: str, what: str) -> str:
    path = f"/v1/subscriptions/{subscription_id}/recoveries"
    answer = await api.post(path, json={"since": "2020-01-01T00:00:00Z", "what": what})
    return str(answer.raise_for_status().headers["location"])


async def _recover(
    api: httpx.AsyncClient, subscription_id: str, what: str, sampler: _Sampler
) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Recover to the end; return the progress that was told, and what the others' alerts took meanwhile."""
    job = await _ask(api, subscription_id, what)
    progress, windows, began = [], [], time.perf_counter()
    await sampler.counts()
    while True:
        progress.append((await api.get(job)).json())
        if time.perf_counter() - began > WINDOW_S or progress[-1]["state"] == "done":
            windows.append((await sampler.counts())["times_ms"])
            began = time.perf_counter()
        if progress[-1]["state"] == "done":
            return progress, windows
        await asyncio.sleep(0.5)


async def _recover_killed(keeper: Keeper, api: httpx.AsyncClient, subscription_id: str, count: int) -> dict[str, Any]:
    """Recover everything again while the process is killed after a third and after two thirds."""
    job = await _ask(api, subscription_id, "all")
    for kill_at in (count // 3, 2 * count // 3):
        await _until(api, job, lambda found, at=kill_at: found["done"] >= at)  # type: ignore[misc] # a default
        keeper.kill()
        await keeper.wait_ready()
    return await _until(api, job, lambda found: found["state"] == "done")


async def _until(api: httpx.AsyncClient, job: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = (await api.get(job)).json()
        if is_so(found):
            return found
        await asyncio.sleep(0.05)


def report(plan: Plan, found: Found) -> str:
    """Write down what was found."""
    quiet, busy = ([p99 for _, p99 in windows] for windows in (found.quiet_ms, found.recovering_ms))
    ratio = median(busy) / median(quiet)
    figure = Figure(
        name=f"p99 of others' first attempts at {plan.rate} a second while {plan.alerts:,} alerts are recovered",
        unit="ms",
        ours=median(busy),
        floor=median(quiet),
        ratio_to_floor=ratio,
        goal=f"at most {GOAL:g} of the same run without a recovery",
        met=ratio <= GOAL,
    )
    medians = [f"{median(p50 for p50, _ in windows):.2g}" for windows in (found.quiet_ms, found.recovering_ms)]
    told = ", ".join(f"{step['done']:,}" for step in found.progress[:: max(1, len(found.progress) // 10)])
    took = (
        f"From publishing on Kafka to the webhook's arrival, {ENDPOINTS} endpoints, windows of {WINDOW_S:g} s. "
        f"p99 without: {spread(quiet)} ms, with: {spread(busy)} ms; medians {medians[0]} and {medians[1]} ms."
    )
    pace = f"The recovery took {found.seconds:.0f} s ({plan.alerts / found.seconds:,.0f} a second); progress: {told}."
    killed = (
        f"Once more with the process killed twice on the way: {found.after_kills['delivered']:,} delivered of "
        f"{found.after_kills['total']:,}, {found.missing} missing, {found.doubles} came twice."
    )
    return write_results("alerts_recovery", [figure], [took, pace, killed])


async def _main(plan: Plan) -> None:
    async with ground(plan.folder) as config, fresh_database(config) as own:
        topics = Topics(**{field: f"recovery.{topic}" for field, topic in vars(Topics()).items()})
        await create_topics(own.bootstrap, topics)
        print(report(plan, await measure(replace(own, topics=topics), plan)))


def main() -> None:
    """Read the options and measure."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000, help="to be recovered")
    parser.add_argument("--rate", type=int, default=200, help="alerts a second to the others")
    parser.add_argument("--seconds", type=float, default=20.0, help="of quiet before and after")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".lanewatch" / "benchmarks")
    uvloop.run(_main(Plan(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
