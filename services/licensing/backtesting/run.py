"""One backtest: hands out pages of recorded decisions, adds up what came of them, and remembers how far it is."""

import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.backtesting import progress
from services.licensing.backtesting.progress import State
from services.licensing.backtesting.workers import Job, Pages, Workers, working
from services.licensing.domain.monitoring.backtesting import add
from services.licensing.domain.monitoring.compiling import compile_rulebook
from services.licensing.store.recorded import Reader
from shared.database import make_engine, transaction

AT_ONCE = 1000
"""So many decisions are a page."""
AHEAD = 2
"""So many pages are handed out to each process before its first one is back."""


async def backtest(
    job: Job, folder: Path, tell: Callable[[State], Any] = lambda _state: None, processes: int | None = None
) -> State:
    """Return what the candidate would have decided otherwise; `tell` hears how far it is.

    Every change is written to `changes.ndjson` in the folder, and beside it the state after each
    page: who runs this again goes on from there. Raises RulebookRefused for rules at fault, and
    RetryableError when the database is away.
    """
    compile_rulebook(job.candidate)
    engine, reader = make_engine(job.database_url, "lanewatch-backtest"), Reader(job.span)
    try:
        state = progress.resumed(folder, _digest(job))
        if state is None:
            async with transaction(engine) as c:
                state = State(_digest(job), await reader.count(c))
        tell(state)
        if state.is_finished:
            return state
        with working(job, processes or os.cpu_count() or 1) as workers:
            await _through(_pages(engine, reader, state.last), workers, folder, state, tell)
    finally:
        await engine.dispose()
    state.is_finished, state.total = True, state.done
    progress.save(folder, state)
    tell(state)
    return state


async def _through(
    pages: AsyncIterator[Pages], workers: Workers, folder: Path, state: State, tell: Callable[[State], Any]
) -> None:
    """Hand out page after page, and take what comes back in the same order."""
    under_way = deque[Pages]()
    with progress.opened(folder, state) as changes:

        async def take() -> None:
            part = await workers.receive()
            changes.write(part.changes)
            changes.flush()
            add(state.tally, part.tally)
            state.last, state.done = under_way.popleft().last, state.done + part.done
            state.changes_bytes = changes.tell()
            progress.save(folder, state)
            tell(state)

        async for page in pages:
            workers.send(page)
            under_way.append(page)
            if len(under_way) == AHEAD * workers.count:
                await take()
        while under_way:
            await take()


async def _pages(engine: AsyncEngine, reader: Reader, after: str) -> AsyncIterator[Pages]:
    while True:
        async with transaction(engine) as c:
            last = await reader.last_of_page(c, after, AT_ONCE)
        if last is None:
            return
        yield Pages(after, last)
        after = last


def _digest(job: Job) -> str:
    asked = (job.candidate, job.span, job.policy.version)
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
