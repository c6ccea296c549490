"""Brings a supervised stack up and down, from another process than the supervisor's."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lanewatch.stack import record
from lanewatch.stack.config import PROJECT, StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.stack.kafka import Say, installed
from lanewatch.stack.record import Process, Record
from lanewatch.stack.stack import check_ports

UP_TIMEOUT_S = 120.0
DOWN_TIMEOUT_S = 60.0
POLL_S = 0.05

Watch = Callable[[Record], None]
"""Told each new record while the stack starts or stops."""


def up(config: StackConfig, say: Say, watch: Watch) -> bool:
    """Start the stack unless it runs, and wait until it serves; return whether it was started. Raises StackError."""
    if record.is_supervised(config):
        _require_same(config)
        _wait_until_ready(config, None, watch)
        _require_same(config)  # Before, the record may have been that of an earlier supervisor.
        return False
    installed(say)
    last = record.read(config)
    if not (last and any(part.process and part.process.is_alive() for part in last.parts.values())):
        check_ports(config)
    _wait_until_ready(config, _start_supervisor(config), watch)
    return True


def down(config: StackConfig, watch: Watch) -> bool:
    """Stop the stack and keep its data. Return whether one ran."""
    if not record.is_supervised(config):
        return False
    running = record.read(config)
    if running is None:
        raise StackError(f"The supervisor has only just started; try again (or remove {config.run_dir}).")
    os.kill(running.pid, signal.SIGTERM)
    _wait_until_gone(config, running.pid, watch)
    return True


def clean(config: StackConfig, watch: Watch) -> None:
    """Stop the stack and that of the demo, and remove their data and logs."""
    for one in (config.demo, config):
        down(one, watch)
        for folder in (one.data_dir, one.log_dir, one.run_dir):
            shutil.rmtree(folder, ignore_errors=not folder.exists())
        one.secrets_key_file.unlink(missing_ok=True)
        _remove_if_empty(one.secrets_key_file.parent)
        _remove_if_empty(one.state_dir)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing."""
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def _start_supervisor(config: StackConfig) -> subprocess.Popen[bytes]:
    config.log_dir.mkdir(parents=True, exist_ok=True)
    with (config.log_dir / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "lanewatch.stack.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **config.environment()},
            cwd=PROJECT,
            start_new_session=True,
        )


def _require_same(config: StackConfig) -> None:
    running = record.read(config)
    if running and _is_alive(running):
        require_same(running, config, {**os.environ, **config.environment()})


def require_same(running: Record, config: StackConfig, environment: Mapping[str, str]) -> None:
    """Raise StackError when what runs is not what is asked for, with what differs."""
    if running.ports != record.ports_of(config):
        raise StackError("Lanewatch already runs on other ports. Stop it first (lanewatch down), or use those ports.")
    if running.asks_tokens != config.asks_tokens:
        how = "with" if running.asks_tokens else "without"
        raise StackError(f"Lanewatch runs already {how} tokens; `lanewatch down` first.")
    wanted = record.settings_of(environment)
    if others := sorted(name for name, _ in wanted.items() ^ running.settings.items()):
        names = ", ".join(dict.fromkeys(others))
        raise StackError(f"Lanewatch runs already with other settings ({names}); `lanewatch down` first.")


def _wait_until_ready(config: StackConfig, supervisor: subprocess.Popen[bytes] | None, watch: Watch) -> None:
    deadline = time.monotonic() + UP_TIMEOUT_S
    shown = record.read(config)
    while time.monotonic() < deadline:
        # asked before the record is read, so that the last word of a supervisor that ends is not missed
        has_ended = supervisor.poll() is not None if supervisor else not record.is_supervised(config)
        latest = record.read(config)
        is_news = latest != shown
        if latest and is_news:
            watch(latest)
            shown = latest
        is_its_own = latest is not None and (latest.pid == supervisor.pid if supervisor else _is_alive(latest))
        if latest and is_its_own and latest.state == "ready":
            return
        if has_ended:
            _explain_end(config, latest if is_its_own else None, supervisor, watch)
            return
        time.sleep(POLL_S)
    raise StackError(f"The stack is not ready after {UP_TIMEOUT_S:g} s; see {config.log_dir}.")


def _is_alive(of: Record) -> bool:
    return Process.of(of.pid) is not None


def _explain_end(
    config: StackConfig, last: Record | None, supervisor: subprocess.Popen[bytes] | None, watch: Watch
) -> None:
    if supervisor and supervisor.returncode == 0 and record.is_supervised(config):
        # another `up` was faster
        _wait_until_ready(config, None, watch)
        _require_same(config)
        return
    if last and last.error:
        raise StackError(last.error)
    raise StackError(f"The supervisor ended before the stack was ready; see {config.log_dir / 'supervisor.log'}.")


def _wait_until_gone(config: StackConfig, pid: int, watch: Watch) -> None:
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    shown = None
    while record.is_supervised(config):
        latest = record.read(config)
        if latest and latest != shown:
            watch(latest)
            shown = latest
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
