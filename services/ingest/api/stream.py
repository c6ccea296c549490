"""Takes events line by line (NDJSON) while they arrive: any number of them, in bounded memory.

A few windows of lines are on their way to Kafka while the next are read; when Kafka does not keep up, nothing more
is read, and so the client is held back by its own connection.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from services.ingest.api.allowing import allowed
from services.ingest.api.answers import Answer, busy
from services.ingest.api.body import BodyError, ClientGoneError, RequestBody
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.line_answers import LineResults, Stopped, line_result, unavailable
from services.ingest.api.rates import UNLIMITED, Allowance
from services.ingest.api.windows import Windows
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import inconsistent_length
from services.ingest.domain.lines import Block, Lines
from services.ingest.domain.reading import Item, Limits, read_lines
from services.ingest.publisher import Publisher, Result
from shared.identity import Caller

WINDOW_BYTES = 128 * 1024
LINE_BYTES = 700
"""What a line takes beside its text, or a refusal in its stead: a stream of very short lines is no small one."""


class _Read(NamedTuple):
    """What the lines of a window hold, from the number of the first on; None of a blank one."""

    first: int
    items: list[Item | None]
    sizes: Sequence[int]


class LineStream:
    """The lines of one request, from the first byte to the answer."""

    def __init__(
        self,
        publisher: Publisher,
        limits: Limits,
        share: Share,
        results: LineResults,
        caller: Caller,
        allowance: Allowance = UNLIMITED,
    ) -> None:
        self._publisher = publisher
        self._limits = limits
        self._share = share
        self._results = results
        self._caller = caller
        self._allowance = allowance
        self._lines = Lines(limits.event_bytes)
        self._held = 0
        self._windows: Windows[_Read] = Windows(publisher, share, self._tell)
        self._stopped: Stopped | None = None

    async def take(self, body: RequestBody, timeout_s: float, outcome: str) -> Answer:
        """Publish all lines and return what became of them. Raises ClientGoneError, after what is whole was sent."""
        await self.publish(body, timeout_s, is_last=True)
        return self._results.answer(self._publisher.topic, outcome, self._stopped)

    def go_on(self, number: int, rest: bytes, thrown: int) -> None:
        """Begin after so many lines of what came before, with what came of the next."""
        self._lines = Lines(self._limits.event_bytes, number, rest, thrown)

    @property
    def begun(self) -> tuple[bytes, int]:
        """What came of the line that is not whole, and how many bytes of it were thrown away."""
        return self._lines.begun

    async def publish(
        self, body: RequestBody, timeout_s: float, *, is_last: bool, room: int | None = None
    ) -> Stopped | None:
        """Publish all lines that are whole, and with the last body that too which has no end; return where it stopped.

        `room` is how many bytes may come, where that is known: of what passes it nothing is read, and after a last body
        that falls short of it more is to come, of the line that has no end too.

        Raises ClientGoneError, after what is whole was sent.
        """
        try:
            async for piece in body.stream(timeout_s):
                if room is not None and (room := room - len(piece)) < 0:
                    self._stop(self._lines.next_number, inconsistent_length())
                    break
                self._let_go()
                await self._hand_over(self._lines.feed(piece))
                if self._stopped:  # From an earlier line on than the one that is not whole yet.
                    break
                self._hold()
                if self._stopped:
                    break
            else:
                self._let_go()
                if is_last and not room:
                    await self._hand_over(self._lines.finish())
        except BodyError as error:
            self._stop(self._lines.next_number, error.fault)
        except ClientGoneError:
            await self._windows.settle()
            self._results.close()
            raise
        await self._windows.settle()
        return self._stopped

    async def _hand_over(self, block: Block) -> None:
        for window in block.parts(WINDOW_BYTES, LINE_BYTES):
            await self._send(window)
            if self._stopped:
                return

    def _hold(self) -> None:
        """Count what is here of a line that is not whole; many clients may each send a long one, slowly."""
        try:
            self._share.take(self._lines.held)
        except BusyError:
            self._stop(self._lines.next_number, busy())
        else:
            self._held = self._lines.held

    def _let_go(self) -> None:
        self._share.give_back(self._held)
        self._held = 0

    async def _send(self, block: Block) -> None:
        size = sum(len(line) for line in block.lines if isinstance(line, bytes)) + len(block.lines) * LINE_BYTES
        try:
            self._share.take(size)
        except BusyError:
            self._stop(block.first, busy())
            return
        if spent := await self._allowance.wait_for(len(block.lines)):
            self._share.give_back(size)
            self._stop(block.first, spent)
            return
        read = _Read(block.first, self._read(block.lines), block.sizes)
        if await self._windows.hand_over(read, read.items, size):
            # Take nothing more once Kafka is away: each further line would only wait in vain.
            self._stop(block.first + len(block.lines), unavailable("Kafka does not acknowledge"))
        elif full := self._results.full:
            self._stop(block.first + len(block.lines), full)
        # What is sent is sent by tasks; without a pause they, and other requests, would not come to their turn.
        await asyncio.sleep(0)

    def _read(self, lines: Sequence[bytes | Fault]) -> list[Item | None]:
        items = read_lines(lines, self._limits)
        if self._caller.sources is None:
            return items
        return [item and allowed(self._caller, item) for item in items]

    def _tell(self, read: _Read, results: Sequence[Result | None]) -> list[int]:
        told = [
            line_result(number, item, result)
            for number, (item, result) in enumerate(zip(read.items, results, strict=True), read.first)
            if item is not None
        ]
        self._results.dealt_with(read.first, read.sizes, told)
        return [result.status for result in told]

    def _stop(self, line: int, fault: Fault) -> None:
        self._stopped = Stopped(line=line, problem=fault)
