"""Runs a candidate's rules against the recorded decisions; can be stopped at any time and goes on where it was.

`python -m services.licensing.backtest CANDIDATE.json`; `lanewatch policy backtest` shows the same on the local stack.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.domain.monitoring.backtesting import Change, Tally, ask, book_of, count
from services.licensing.domain.monitoring.compiling import compile_rulebook
from services.licensing.domain.policy import Policy
from services.licensing.store.recorded import Page, Reader, Span
from shared.database import transaction
from shared.events import Rulebook

AT_ONCE = 2000
"""So many decisions are read with one statement."""
CHANGES = "changes.ndjson"
STATE = "state.json"


class State(msgspec.Struct):
    """How far a backtest has come."""

    asked_for: str
    """A digest of the candidate and the span: of what these are the results."""
    total: int
    done: int = 0
    last: str = ""
    """The last decision that was looked at."""
    changes_bytes: int = 0
    """So much of the file of changes counts; what is behind was written by a run that was stopped."""
    is_finished: bool = False
    tally: Tally = msgspec.field(default_factory=Tally)


async def backtest(
    engine: AsyncEngine,
    policy: Policy,
    candidate: Rulebook,
    folder: Path,
    span: Span = Span(),  # noqa: B008 - a tuple
    tell: Callable[[State], Any] = lambda _state: None,
) -> State:
    """Return what the candidate would have decided otherwise; `tell` hears how far it is.

    Every change is written to `changes.ndjson` in the folder, and beside it the state after each
    page: who runs this again goes on from there. Raises RulebookRefused for rules at fault.
    """
    compiled = compile_rulebook(candidate)
    reader = Reader(span)
    asked_for = hashlib.sha256(msgspec.json.encode((candidate, span, policy.version), order="sorted")).hexdigest()
    async with transaction(engine) as c:
        book = book_of(policy, await reader.quotas(c))
        state = _resumed(folder, asked_for) or State(asked_for, await reader.count(c))
    tell(state)
    if state.is_finished:
        return state
    with _opened(folder, state) as changes:
        coming = asyncio.create_task(_page(engine, reader, state.last))
        try:
            while (page := await coming).last is not None:
                coming = asyncio.create_task(_page(engine, reader, page.last))
                await asyncio.sleep(0)  # So that the database is at work meanwhile.
                for recorded in page.decisions:
                    if change := ask(compiled, recorded, book, state.tally):
                        changes.write(_line(change))
                for why in page.left_out:
                    count(state.tally.not_asked, why)
                state.last, state.done = page.last, state.done + len(page.decisions) + len(page.left_out)
                changes.flush()
                state.changes_bytes = changes.tell()
                _save(folder, state)
                tell(state)
        finally:
            coming.cancel()
            await asyncio.wait([coming])
    state.is_finished, state.total = True, state.done
    _save(folder, state)
    tell(state)
    return state


async def _page(engine: AsyncEngine, reader: Reader, after: str) -> Page:
    async with transaction(engine) as c:
        return await reader.page(c, after, AT_ONCE)


def _resumed(folder: Path, asked_for: str) -> State | None:
    """Return where an earlier run came to, if it asked for the same."""
    try:
        state = msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None
    return state if state.asked_for == asked_for else None


def _opened(folder: Path, state: State) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / CHANGES).open("ab")
    file.truncate(state.changes_bytes)
    file.seek(0, os.SEEK_END)
    return file


def _save(folder: Path, state: State) -> None:
    """Write the state whole or not at all."""
    partial = folder / f"{STATE}.partial"
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(folder / STATE)


def _line(change: Change) -> bytes:
    return msgspec.json.encode(change._asdict()) + b"\n"
