"""How far a backtest has come, in a folder: the state after each page, and every change that it found."""

import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.licensing.domain.monitoring.backtesting import Tally

CHANGES = "changes.ndjson"
STATE = "state.json"


class State(msgspec.Struct):
    """How far a backtest has come, and what came of it so far."""

    asked_for: str
    """A digest of what these are the results of: candidate, policy and span."""
    total: int
    done: int = 0
    last: str = ""
    """The last decision that was looked at."""
    changes_bytes: int = 0
    """So much of the file of changes counts; what is behind was written by a run that was stopped."""
    is_finished: bool = False
    tally: Tally = msgspec.field(default_factory=Tally)


def resumed(folder: Path, asked_for: str) -> State | None:
    """Return where an earlier run came to, if it asked for the same."""
    try:
        state = msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None
    return state if state.asked_for == asked_for else None


def opened(folder: Path, state: State) -> BinaryIO:
    """Return the file of changes, cut to what the state knows of."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / CHANGES).open("ab")
    file.truncate(state.changes_bytes)
    file.seek(0, os.SEEK_END)
    return file


def save(folder: Path, state: State) -> None:
    """Write the state whole or not at all."""
    partial = folder / f"{STATE}.partial"
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(folder / STATE)
