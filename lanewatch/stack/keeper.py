"""Keeps one part of the stack running: starts it, waits until it serves, starts it again when it dies."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lanewatch.stack.errors import StackError
from lanewatch.stack.process import Command, last_line, spawn
from shared.waiting import wait

POLL_S = 0.05
LIVED_LONG_S = 10.0
LONGEST_DELAY_S = 5.0
TRIES_AT_FIRST = 3

log = logging.getLogger(__name__)


class State(StrEnum):
    """Of one part."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"


async def _nothing() -> None:
    pass


async def _done() -> bool:
    return True


@dataclass(frozen=True)
class Part:
    """One program of the stack and how to tell that it serves."""

    name: str
    command: Command
    is_ready: Callable[[], Awaitable[bool]]
    prepare: Callable[[], Awaitable[None]] = _nothing
    """Runs before every start."""
    complete: Callable[[], Awaitable[bool]] = _done
    """Runs after every start, once it serves, until it returns True."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0


def restart_delay(quick_deaths: int) -> float:
    """Return how long to wait, in seconds, after so many deaths in a row shortly after the start."""
    return 0.0 if quick_deaths <= 1 else min(0.2 * 2.0 ** (quick_deaths - 2), LONGEST_DELAY_S)


def _cause(code: int, log_path: Path) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}; last words: {last_line(log_path)} (see {log_path})"


class Keeper:
    """Owns the process of one part. Use `start`, `stop`, `restart`, `kill` and `wait_ready`."""

    def __init__(self, part: Part, on_change: Callable[[], None] = lambda: None) -> None:
        self.part = part
        self.state = State.STOPPED
        self.restarts = 0
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start the part and wait until it serves. Raises StackError when it does not."""
        self._stopping.clear()
        self._set(State.STARTING)
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")
        await self.wait_ready(timeout_s)

    async def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until the part serves, after a start or after a kill. Raises StackError when it does not."""
        if self._task is None:
            raise StackError(f"{self.part.name} is not started.")
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._ready.is_set():
            return
        if self._task.done():
            await self._task
        last = last_line(self.part.command.log)
        raise StackError(f"{self.part.name} does not serve: {last} (see {self.part.command.log})")

    async def stop(self) -> None:
        """Ask the part to end; end it by force when it takes too long."""
        self._stopping.set()
        if self._task is None:
            return
        self.kill(self.part.stop_signal)
        # A stopped process acts on no signal before it is continued.
        self.kill(signal.SIGCONT)
        _, still = await asyncio.wait({self._task}, timeout=self.part.stop_timeout_s)
        if still:
            log.warning("%s did not stop within %g s; killed", self.part.name, self.part.stop_timeout_s)
            self.kill()
            await asyncio.wait({self._task})
        with contextlib.suppress(StackError):
            self._task.result()
        self._task = None
        self._set(State.STOPPED)

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the process a signal; without a process do nothing."""
        if number == signal.SIGKILL:
            # Whoever waits next waits for the new process, even before the old one's end is noticed.
            self._ready.clear()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep(self) -> None:
        quick_deaths = 0
        has_served = False
        while not self._stopping.is_set():
            began = time.monotonic()
            reason, served = await self._run_once()
            if self._stopping.is_set():
                return
            has_served = has_served or served
            quick_deaths = 1 if time.monotonic() - began > LIVED_LONG_S else quick_deaths + 1
            log.warning("%s: %s", self.part.name, reason)
            if not has_served and quick_deaths >= TRIES_AT_FIRST:
                self._set(State.FAILED)
                raise StackError(f"{self.part.name} does not start: {reason}")
            self.restarts += 1
            self._set(State.RESTARTING)
            await wait(self._stopping, restart_delay(quick_deaths))

    async def _run_once(self) -> tuple[str, bool]:
        """Run the process to its end; return why it ended and whether it had served."""
        try:
            await self.part.prepare()
            self._process = await spawn(self.part.command)
        except (StackError, OSError) as error:
            return str(error), False
        self._on_change()
        if self._stopping.is_set():
            self.kill(self.part.stop_signal)
        end = asyncio.create_task(self._process.wait())
        watch = asyncio.create_task(self._announce())
        await asyncio.wait({end, watch}, return_when=asyncio.FIRST_COMPLETED)
        problem = watch.exception() if watch.done() else None
        if problem:
            self.kill()
        served = watch.done() and not problem
        code = await end
        watch.cancel()
        self._ready.clear()
        return str(problem or _cause(code, self.part.command.log)), served

    async def _announce(self) -> None:
        # polls, because a starting program announces nothing
        while not (await self.part.is_ready() and await self.part.complete()):  # noqa: ASYNC110 - see above
            await asyncio.sleep(POLL_S)
        self._ready.set()
        self._set(State.READY)

    def _set(self, state: State) -> None:
        self.state = state
        log.info("%s: %s", self.part.name, state)
        self._on_change()
