"""Runs one contender as a process of its own and takes down what it did in which time."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

from lanewatch.stack import StackConfig
from lanewatch.stack.process import Command, last_line, run

TIMEOUT_S = 900


class Outcome(NamedTuple):
    """So many events in so many seconds, and the processor time that the worker itself took."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds


class Clock:
    """Counts from its making."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    def outcome(self, events: int) -> Outcome:
        """Return what was done until now."""
        return Outcome(events, time.perf_counter() - self._wall, _cpu_seconds() - self._cpu)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(outcome: Outcome) -> None:
    """Say the outcome, as `run_worker` reads it."""
    print(json.dumps(outcome), flush=True)


async def run_worker(
    config: StackConfig, module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run a module that ends with `tell`. Raises StackError when it fails."""
    log = config.log_dir / f"{module}.log"
    log.unlink(missing_ok=True)
    variables = {**config.environment(), **(environment or {})}
    await run(Command((sys.executable, "-m", module, *arguments), log, variables), TIMEOUT_S)
    return Outcome(*json.loads(last_line(log)))
