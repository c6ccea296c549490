"""Waits until everything that follows from the last event has happened."""

import asyncio
import time
from typing import Any

from lanewatch.demo.client import PATIENCE_S, Client
from lanewatch.demo.receiver import Receiver
from lanewatch.stack import StackError

LOOK_S = 0.25
OPEN = ("due", "waiting", "queued")


async def wait_until_quiet(licensing: Client, alerts: Client, receiver: Receiver) -> None:
    """Wait until all alerts are published, taken over and delivered. Raises StackError after a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while what := await _what_is_left(licensing, alerts, receiver):
        if time.monotonic() > deadline:
            raise StackError(f"After {PATIENCE_S:g} s there is still something to do: {what}.")
        await asyncio.sleep(LOOK_S)


async def _what_is_left(licensing: Client, alerts: Client, receiver: Receiver) -> str | None:
    here = await licensing.get("/v1/audit")
    if here["unpublished"]:
        return f"licensing has {here['unpublished']} alerts to publish"
    there = await alerts.get("/v1/audit")
    published, taken = sum(here["alerts_by_type"].values()), sum(there["alerts_by_kind"].values())
    if taken < published:
        return f"alerts has taken over {taken} of {published} alerts"
    return _undelivered(there, receiver)


def _undelivered(there: dict[str, Any], receiver: Receiver) -> str | None:
    states = there["deliveries_by_state"]
    if left := sum(states.get(state, 0) for state in OPEN):
        return f"alerts has {left} deliveries to make"
    if len(receiver.received) < states.get("delivered", 0):
        return f"the receiver knows {len(receiver.received)} of {states['delivered']} deliveries"
    return None
