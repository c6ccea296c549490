"""Starts a program as a child that cannot outlive us, with its output in a log file."""

import asyncio
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lanewatch.stack.config import PROJECT
from lanewatch.stack.errors import StackError
from lanewatch.stack.privilege import in_child


@dataclass(frozen=True)
class Command:
    """A program to run."""

    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: pwd.struct_passwd | None = None
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we die."""
    directory: Path = PROJECT


async def spawn(command: Command) -> asyncio.subprocess.Process:
    """Start the program in a session of its own, so that ctrl-C reaches only us."""
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        try:
            return await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.environment},
                cwd=command.directory,
                start_new_session=True,
                preexec_fn=in_child(command.death_signal, command.account),
            )
        except subprocess.SubprocessError as error:
            # Python does not say more of what failed between fork and exec.
            who = f" as {command.account.pw_name}" if command.account else ""
            raise StackError(f"{name_of(command)} cannot be run{who} here; try as an ordinary user.") from error


async def run(command: Command, timeout_s: float) -> None:
    """Run the program to its end. Raises StackError when it fails or takes longer."""
    process = await spawn(command)
    try:
        async with asyncio.timeout(timeout_s):
            code = await process.wait()
    except TimeoutError:
        raise StackError(f"{name_of(command)} took more than {timeout_s:g} s; see {command.log}.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise StackError(f"{name_of(command)} failed: {last_line(command.log)} (see {command.log})")


def name_of(command: Command) -> str:
    """Return the program's name."""
    return Path(command.argv[0]).name


def last_line(log: Path) -> str:
    """Return the last line that says something."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].strip() if lines else "it wrote nothing"
