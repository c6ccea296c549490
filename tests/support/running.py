"""Runs one service as a process of its own, to be killed, paused and asked over HTTP."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from lanewatch.stack import StackConfig, service_part
from lanewatch.stack.ports import free_ports
from lanewatch.stack.process import spawn
from tests.support.plain import PLAIN


async def until(condition: Callable[[], Any], what: str, deadline_s: float = 30) -> Any:
    """Return the first true value of the (possibly async) condition. Raises AssertionError after the deadline.

    The longer it takes the less often it is asked, since asking slows down what is waited for.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        waited_s = clock() - began
        assert waited_s < deadline_s, f"waited {deadline_s:g} s in vain for {what}"
        await asyncio.sleep(min(max(0.02, waited_s / 10), 0.2))


@dataclass
class Program:
    """A service that runs."""

    process: asyncio.subprocess.Process
    url: str
    said: str = ""
    """The last answer about readiness."""

    async def get(self, path: str, **params: Any) -> Any:
        async with httpx.AsyncClient(base_url=self.url, timeout=10, verify=PLAIN) as client:
            return (await client.get(path, params=params)).json()

    async def is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient(base_url=self.url, timeout=2, verify=PLAIN) as client:
                answer = await client.get("/health/ready")
        except httpx.TransportError as error:
            self.said = repr(error)
            return False
        self.said = answer.text
        return answer.status_code == 200

    async def is_answering(self) -> bool:
        """Return whether it answers at all."""
        await self.is_ready()
        return self.said.startswith("{")

    async def wait_ready(self, who: str, deadline_s: float = 60) -> None:
        """Wait until it is ready. Raises AssertionError with the last answer."""
        try:
            await until(self.is_ready, f"{who} to be ready", deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.said}") from None

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def starting(config: StackConfig, service: str, **environment: str) -> AsyncIterator[Program]:
    """Run a service of the config on a port of its own until the block ends."""
    config = replace(config, **{f"{service}_port": free_ports(1)[0]})  # type: ignore[arg-type] # a port is an int
    part = service_part(config, service)
    process = await spawn(replace(part.command, environment={**part.command.environment, **environment}))
    try:
        yield Program(process, config.url_of(service))
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)


@asynccontextmanager
async def running(config: StackConfig, service: str, **environment: str) -> AsyncIterator[Program]:
    """Run a service as `starting` does, and begin when it is ready."""
    async with starting(config, service, **environment) as program:
        await program.wait_ready(service)
        yield program
