"""A part that dies comes back; one that cannot start says why; none outlives its parent."""

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lanewatch.stack import Keeper, Part, StackError, State
from tests.integration.stack.programs import python_part, server_part

KEEP_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from lanewatch.stack import Keeper
from tests.integration.stack.programs import server_part

async def main():
    keeper = Keeper(server_part(Path(sys.argv[1])))
    await keeper.start()
    print(keeper.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killed_part_is_back_within_a_second_and_a_half(tmp_path: Path) -> None:
    keeper = Keeper(server_part(tmp_path))
    await keeper.start()
    first = keeper.pid
    began = time.monotonic()
    keeper.kill()
    await keeper.wait_ready()
    assert time.monotonic() - began < 1.5
    assert keeper.pid not in (None, first)
    assert (str(keeper.state), keeper.restarts) == ("ready", 1)
    await keeper.stop()
    assert str(keeper.state) == "stopped"
    assert keeper.pid is None


async def test_paused_part_can_be_stopped(tmp_path: Path) -> None:
    keeper = Keeper(with_handler(server_part(tmp_path), "lambda *_: sys.exit(0)"))
    await keeper.start()
    keeper.kill(signal.SIGSTOP)
    async with asyncio.timeout(5):
        await keeper.stop()
    assert keeper.pid is None


async def test_part_that_ignores_the_stop_is_killed(tmp_path: Path) -> None:
    keeper = Keeper(replace(with_handler(server_part(tmp_path), "signal.SIG_IGN"), stop_timeout_s=0.3))
    await keeper.start()
    async with asyncio.timeout(5):
        await keeper.stop()
    assert keeper.pid is None


def with_handler(part: Part, handler: str) -> Part:
    """Give the program a handler of SIGTERM, as real servers have."""
    python, flag, code, *arguments = part.command.argv
    code = f"import signal, sys; signal.signal(signal.SIGTERM, {handler})\n{code}"
    return replace(part, command=replace(part.command, argv=(python, flag, code, *arguments)))


async def test_part_that_never_starts_fails_with_its_last_words(tmp_path: Path) -> None:
    keeper = Keeper(python_part(tmp_path, "print('no such table: lanes'); raise SystemExit(3)", name="broken"))
    with pytest.raises(StackError, match=r"broken does not start: exit code 3; last words: no such table: lanes"):
        await keeper.start()
    assert keeper.state == State.FAILED
    await keeper.stop()


def test_part_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", KEEP_AND_WAIT, str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=5)
    assert not child.is_running()
