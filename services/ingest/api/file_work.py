"""What goes on with files in this process: which request is adding to one, and which spreadsheets are worked off."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import structlog
from starlette.types import Message, Receive

from services.ingest.api.file_sheets import FileSheets
from services.ingest.api.rates import UNLIMITED, Allowance
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import State
from services.ingest.kept_files import HeldError, KeptFiles

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 30.0
WAIT_S = 8.0
"""For a request that is told to stop: what it has sent to Kafka is waited for."""


class Adding:
    """A request that adds to a file, and can be told to stop."""

    def __init__(self) -> None:
        self._is_told = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def stop(self) -> None:
        """Tell it to stop, and wait until it has. Raises TimeoutError."""
        self._is_told.set()
        async with asyncio.timeout(WAIT_S):
            await self.has_ended.wait()

    def until_told(self, receive: Receive) -> Receive:
        """Return what receives until the request is told to stop; then its client is as gone."""

        async def receive_or_stop() -> Message:
            coming = asyncio.ensure_future(receive())
            told = asyncio.ensure_future(self._is_told.wait())
            try:
                await asyncio.wait({coming, told}, return_when=asyncio.FIRST_COMPLETED)
                return {"type": "http.disconnect"} if told.done() else await coming
            finally:
                coming.cancel()
                told.cancel()

        return receive_or_stop


class FileWork:
    """Everything that is at work on files here."""

    def __init__(self, kept: KeptFiles, sheets: FileSheets) -> None:
        self._kept = kept
        self._sheets = sheets
        self._adding: dict[str, Adding] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up what was left, now and whenever it is found; remove what nobody wants any more."""
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Leave off; what is not done is taken up by the next process."""
        tasks = [*self._tasks.values(), *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def adding(self, id_: str, adding: Adding) -> Iterator[None]:
        """Let a request add to a file that nobody else is at. Raises HeldError, OSError."""
        with self._kept.holding(id_):
            self._adding[id_] = adding
            try:
                yield
            finally:
                del self._adding[id_]
                adding.has_ended.set()

    async def interrupt(self, id_: str) -> None:
        """End what another request adds to the file here: its client comes anew. Raises HeldError."""
        if adding := self._adding.get(id_):
            try:
                await adding.stop()
            except TimeoutError as error:
                raise HeldError from error

    async def leave(self, id_: str) -> None:
        """Leave off working on a file."""
        if task := self._tasks.get(id_):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def work(self, id_: str, allowance: Allowance = UNLIMITED) -> None:
        """Begin to work off a spreadsheet, unless that is going on."""
        if id_ not in self._tasks:
            task = self._tasks[id_] = asyncio.create_task(self._work(id_, allowance))
            task.add_done_callback(lambda _: self._tasks.pop(id_, None))

    async def _work(self, id_: str, allowance: Allowance) -> None:
        try:
            with self._kept.holding(id_):
                file = self._kept.read(id_)
                if file is None or file.state is not State.WORKING:
                    return
                try:
                    done = await self._sheets.work(file, allowance)
                except Exception:  # Nobody foresaw it; the others go on.
                    log.exception("a file failed", file=id_)
                    done = file.failed(Fault(title="An unexpected error; it was logged", status=500))
                self._kept.write(msgspec.structs.replace(done, touched=time.time()))
                self._kept.content(id_).unlink(missing_ok=True)
        except HeldError:  # By another process; if that ends, this one finds it again.
            return
        except OSError as error:
            log.warning("a file cannot be worked on", file=id_, reason=repr(error))

    async def _sweep(self) -> None:
        while True:
            try:
                for file in await asyncio.to_thread(self._kept.sweep):
                    if file.state is State.WORKING:
                        self.work(file.id)
            except OSError as error:
                log.warning("the files cannot be looked after", reason=repr(error))
            await asyncio.sleep(SWEEP_EVERY_S)
