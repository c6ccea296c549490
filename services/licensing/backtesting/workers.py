"""Processes that each ask the rules of a page of decisions at a time, with a database connection of their own.

Pages are handed out in turn and their results taken in the same turn, so what comes out is in order.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import msgspec

from services.licensing.domain.book import Book
from services.licensing.domain.monitoring.backtesting import Tally, ask, count
from services.licensing.domain.monitoring.compiling import compile_rulebook
from services.licensing.domain.monitoring.translated import Compiled
from services.licensing.domain.policy import Policy
from services.licensing.store.recorded import Reader, Span
from shared.database import make_engine, transaction
from shared.errors import RetryableError
from shared.events import Rulebook


class Job(NamedTuple):
    """What is asked of which decisions."""

    database_url: str
    policy: Policy
    candidate: Rulebook
    span: Span


class Pages(NamedTuple):
    """The decisions after one, to another and with it."""

    after: str
    last: str


class Part(NamedTuple):
    """What came of a page: how many decisions it had, and each change as a line of JSON."""

    done: int
    tally: Tally
    changes: bytes


class Workers:
    """Some processes; what is sent to them comes back in the same order."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes
        self._sent = self._received = 0

    @property
    def count(self) -> int:
        """So many processes."""
        return len(self._pipes)

    def send(self, page: Pages) -> None:
        """Hand out a page."""
        self._pipes[self._sent % len(self._pipes)].send(page)
        self._sent += 1

    async def receive(self) -> Part:
        """Wait for the oldest page that is under way. Raises what its process raised."""
        pipe = self._pipes[self._received % len(self._pipes)]
        self._received += 1
        while not pipe.poll():  # noqa: ASYNC110 - a pipe tells no event loop
            await asyncio.sleep(0.002)
        try:
            found: Part | Exception = pipe.recv()
        except EOFError as error:
            raise RetryableError("a process of the backtest ended; run it again to go on") from error
        if isinstance(found, Exception):
            raise found
        return found


@contextmanager
def working(job: Job, processes: int) -> Iterator[Workers]:
    """Run the processes; they end with the block, and by themselves should this process be killed."""
    context = multiprocessing.get_context("spawn")
    started, pipes = [], []
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, job), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            pipes.append(ours)
        yield Workers(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            process.terminate()
            process.join()


def _serve(pipe: Connection, job: Job) -> None:
    """Answer until the other end is closed. Whoever stops the run stops the other end: ctrl-C is not for here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_answer(pipe, job))


async def _answer(pipe: Connection, job: Job) -> None:
    engine = make_engine(job.database_url, "lanewatch-backtest", pool_size=1)
    reader, compiled = Reader(job.span), compile_rulebook(job.candidate)
    async with transaction(engine) as c:
        book = Book(job.policy, quotas=await reader.quotas(c))
    while True:
        try:
            pages: Pages = pipe.recv()
        except EOFError:
            return
        try:
            async with transaction(engine) as c:
                found: Part | Exception = await _part(reader, c, pages, compiled, book)
        except Exception as error:  # noqa: BLE001 - it is raised at the other end
            found = error
        pipe.send(found)


async def _part(reader: Reader, c: Any, pages: Pages, compiled: Compiled, book: Book) -> Part:
    page = await reader.page(c, *pages)
    tally = Tally()
    changes = [change for recorded in page.decisions if (change := ask(compiled, recorded, book, tally))]
    for why in page.left_out:
        count(tally.not_asked, why)
    return Part(
        len(page.decisions) + len(page.left_out),
        tally,
        b"".join(msgspec.json.encode(change._asdict()) + b"\n" for change in changes),
    )
