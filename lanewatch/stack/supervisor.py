"""The detached process that owns a stack: `python -m lanewatch.stack.supervisor`, started by `lanewatch up`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping

import psutil

from lanewatch.stack import record
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.record import PartRecord, Process, Record
from lanewatch.stack.stack import Stack

ORPHANS_TIMEOUT_S = 15.0

log = logging.getLogger(__name__)


def main() -> int:
    """Run the stack of the environment until SIGTERM. Return 0, also when another supervisor runs it already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config = StackConfig.from_env()
    with record.supervisor_lock(config) as is_ours:
        if not is_ours:
            log.info("another supervisor runs this stack")
            return 0
        return asyncio.run(_supervise(config))


async def _supervise(config: StackConfig) -> int:
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    end_orphans(record.read(config))
    _write(config, "starting", {})
    try:
        await _run(config, end)
    except (StackError, OSError) as error:
        log.exception("the stack ended")
        _write(config, "failed", {}, error=str(error))
        return 1
    _write(config, "stopped", {})
    return 0


async def _run(config: StackConfig, end: asyncio.Event) -> None:
    state = "starting"
    stack = Stack(config, on_change=lambda: _write(config, state, stack.parts))
    starting = asyncio.create_task(stack.start())
    ending = asyncio.create_task(end.wait())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            state = "ready"
            _write(config, state, stack.parts)
            await ending
    finally:
        state = "stopping"
        ending.cancel()
        starting.cancel()
        await asyncio.wait({starting})
        await stack.stop()


def _write(config: StackConfig, state: str, parts: Mapping[str, Keeper], error: str | None = None) -> None:
    described = {
        name: PartRecord(keeper.state, keeper.restarts, Process.of(keeper.pid) if keeper.pid else None)
        for name, keeper in parts.items()
    }
    ports, settings = record.ports_of(config), record.settings_of(os.environ)
    Record(os.getpid(), state, ports, error, described, config.asks_tokens, settings).write(config)


def end_orphans(last: Record | None) -> None:
    """End what a supervisor that was killed left behind. On Linux the kernel has told them already."""
    parts = last.parts if last else {}
    left = {name: part.process for name, part in parts.items() if part.process and part.process.is_alive()}
    processes = []
    for name, process in left.items():
        log.warning("ending %s, pid %d, left by an earlier supervisor", name, process.pid)
        # SIGKILL would leave PostgreSQL's own children behind
        _signal(process.pid, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
        processes.append(psutil.Process(process.pid))
    _, still = psutil.wait_procs(processes, timeout=ORPHANS_TIMEOUT_S)
    for stubborn in still:
        _signal(stubborn.pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.info("pid %d has ended", pid)


if __name__ == "__main__":
    sys.exit(main())
