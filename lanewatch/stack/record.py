"""What the supervisor writes down about itself: who it is, what it runs and how that fares. And its lock."""

import contextlib
import fcntl
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Self

import psutil

from lanewatch.stack.config import PORTS, StackConfig

LOCK_TRIES = 10
LOCK_POLL_S = 0.05
PREFIX = "LANEWATCH_"
OF_COMMANDS = ("LANEWATCH_TOKEN", "LANEWATCH_CACHE_DIR")
"""What only commands read; the stack runs the same with any."""


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one with the same id."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the process with this id, if it is alive."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self.of(self.pid) == self


@dataclass(frozen=True)
class PartRecord:
    """How one part fares."""

    state: str
    restarts: int
    process: Process | None

    @classmethod
    def parse(cls, fields: dict[str, object]) -> Self:
        """Undo `asdict`."""
        process = fields["process"]
        known = Process(**process) if isinstance(process, dict) else None
        return cls(str(fields["state"]), int(str(fields["restarts"])), known)


@dataclass(frozen=True)
class Record:
    """The supervisor's last word."""

    pid: int
    state: str
    """starting, ready, stopping or failed"""
    ports: dict[str, int]
    error: str | None = None
    parts: dict[str, PartRecord] = field(default_factory=dict)
    asks_tokens: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    """Of each variable that it runs with a hash, for values may be secrets."""

    def write(self, config: StackConfig) -> None:
        """Replace what is written, at once."""
        path = _path(config)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".partial")
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(path)


def read(config: StackConfig) -> Record | None:
    """Return the last record, if there is one."""
    try:
        fields = json.loads(_path(config).read_text())
    except (FileNotFoundError, ValueError):
        return None
    parts = {name: PartRecord.parse(part) for name, part in fields.pop("parts").items()}
    return Record(**fields, parts=parts)


def ports_of(config: StackConfig) -> dict[str, int]:
    """Return all ports of a config by name, for the record."""
    return {name.removesuffix("_port"): config.port_of(name.removesuffix("_port")) for name in PORTS}


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a hash of each setting of a stack in an environment, for the record."""
    names = sorted(name for name in environment if name.startswith(PREFIX) and name not in OF_COMMANDS)
    return {name: hashlib.sha256(environment[name].encode()).hexdigest() for name in names}


@contextlib.contextmanager
def supervisor_lock(config: StackConfig) -> Iterator[bool]:
    """Hold the lock that only one supervisor has; yield False when another has it. The kernel frees it at our end."""
    config.run_dir.mkdir(parents=True, exist_ok=True)
    with _lock_path(config).open("a") as file:
        # Whoever only asks whether a supervisor runs holds the lock for an instant, hence more than one try.
        yield any(_lock(file) for _ in range(LOCK_TRIES))


def is_supervised(config: StackConfig) -> bool:
    """Tell whether a supervisor runs."""
    if not _lock_path(config).exists():
        return False
    with _lock_path(config).open("a") as file:
        return not _is_locked_by_us(file)


def _lock(file: IO[str]) -> bool:
    is_ours = _is_locked_by_us(file)
    if not is_ours:
        time.sleep(LOCK_POLL_S)
    return is_ours


def _is_locked_by_us(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _path(config: StackConfig) -> Path:
    return config.run_dir / "status.json"


def _lock_path(config: StackConfig) -> Path:
    return config.run_dir / "supervisor.lock"
