"""Licensing is killed: subscribers hear that nothing comes through, and that it does again."""

import asyncio
from datetime import UTC, datetime

import httpx
import msgspec

from lanewatch.stack import StackConfig
from tests.integration.alerts.receiver import Inbox, Receiver
from tests.support.plain import PLAIN
from tests.support.running import Program, running, until

EVERY = {"LANEWATCH_CLOCK": "wall", "LANEWATCH_TICK_EVERY_S": "0.5"}
STUCK_AFTER_S = 5


def kinds(inbox: Inbox) -> list[str]:
    return [msgspec.json.decode(got.body)["type"] for got in inbox.got]


async def pulse_age_s(alerts: Program) -> float:
    async with httpx.AsyncClient(base_url=alerts.url, verify=PLAIN) as client:
        text = (await client.get("/metrics")).text
    (line,) = (line for line in text.splitlines() if line.startswith("lanewatch_alerts_pulse_age_seconds "))
    return float(line.split()[1])


async def test_a_killed_licensing_is_told_once_and_its_return_once(
    fresh_config: StackConfig, fresh_topics: object
) -> None:
    settings = {"LANEWATCH_ALERTS_GROUP": fresh_config.database, "LANEWATCH_ALERTS_STUCK_AFTER_S": str(STUCK_AFTER_S)}
    environment = {**EVERY, "LANEWATCH_LICENSING_GROUP": fresh_config.database}
    async with Receiver() as receiver, running(fresh_config, "alerts", **settings) as alerts:
        inbox = receiver.inbox("operators")
        async with httpx.AsyncClient(base_url=alerts.url, verify=PLAIN) as client:
            (await client.post("/v1/subscriptions", json={"name": "n", "url": inbox.url})).raise_for_status()
        async with running(fresh_config, "licensing", **environment) as licensing:
            began = datetime.now(UTC)
            await until(lambda: _is_old_enough(began), "the watchdog's grace to be over", 30)
            await until(lambda: _is_fresh(alerts), "pulses to come")
            assert kinds(inbox)[-1:] != ["lanewatch.pipeline.stuck"]
            inbox.got.clear()
            await licensing.kill()
            await until(lambda: kinds(inbox), "the alert that nothing comes through")
        async with running(fresh_config, "licensing", **environment):
            await until(lambda: len(kinds(inbox)) > 1, "the alert that it works again")
            await asyncio.sleep(2)
    assert kinds(inbox) == ["lanewatch.pipeline.stuck", "lanewatch.pipeline.resumed"]


def _is_old_enough(began: datetime) -> bool:
    return (datetime.now(UTC) - began).total_seconds() > STUCK_AFTER_S + 2


async def _is_fresh(alerts: Program) -> bool:
    return await pulse_age_s(alerts) < STUCK_AFTER_S / 2
