"""The three services on the stack: what is killed comes back by itself, and so do those that depend on it."""

import asyncio
import time

import pytest

from lanewatch.stack import SERVICES, Stack
from lanewatch.stack.probes import answers_ok


@pytest.mark.parametrize("name", SERVICES)
async def test_killed_service_serves_again_within_seconds(stack: Stack, name: str) -> None:
    before = stack[name].pid
    began = time.monotonic()
    stack[name].kill()
    await stack[name].wait_ready(timeout_s=15)
    assert stack[name].pid not in (None, before)
    assert await answers_ok(stack.config.port_of(name), "/health/ready")
    # about a second on an idle machine
    assert time.monotonic() - began < 10


async def settled(stack: Stack, for_s: float = 2.0, within_s: float = 30.0) -> None:
    """Wait until all serve and go on serving: what holds a dead connection notices it only when it uses it."""
    began = since = time.monotonic()
    while time.monotonic() - since < for_s:
        silent = await stack.silent()
        if silent:
            since = time.monotonic()
        assert since - began < within_s, f"not serving: {silent}"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", ["postgres", "kafka"])
async def test_services_serve_again_after_their_backbone_was_killed(stack: Stack, name: str) -> None:
    survivors = {service: stack[service].pid for service in SERVICES}
    stack[name].kill()
    await stack[name].wait_ready(timeout_s=30)
    await settled(stack)
    assert {service: stack[service].pid for service in SERVICES} == survivors
