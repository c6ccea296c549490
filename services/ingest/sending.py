"""What is on its way to Kafka, and what became of it: nobody waits for it longer than said."""

import asyncio
from collections import deque
from typing import cast

import msgspec

from shared.errors import RetryableError


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands in Kafka; the offset is None when Kafka knows the event but not its place any more."""

    topic: str
    partition: int
    offset: int | None


class TooLargeForKafkaError(Exception):
    """The topic takes no record of this size."""


Result = Receipt | RetryableError | TooLargeForKafkaError


class Sending:
    """Events on their way, and what became of each; whoever handed them over waits for it no longer than said."""

    __slots__ = ("_done", "_left", "_results", "is_over", "until")

    def __init__(self, count: int, until: float) -> None:
        self.until = until
        """By the event loop's clock."""
        self.is_over = not count
        """All is told; what was not sent by now is not to be sent any more."""
        self._results: list[Result | None] = [None] * count
        self._left = count
        self._done: asyncio.Future[None] | None = None

    def settle(self, index: int, result: Result) -> None:
        """Tell what became of one event; what comes too late is not told."""
        if self.is_over:
            return
        self._results[index] = result
        self._left -= 1
        if not self._left:
            self.end()

    async def results(self) -> list[Result]:
        """Wait until all is told."""
        if not self.is_over:
            self._done = asyncio.get_running_loop().create_future()
            await self._done
        if not self._left:
            return cast("list[Result]", self._results)
        late = RetryableError("Kafka did not acknowledge in time")
        return [late if result is None else result for result in self._results]

    def end(self) -> None:
        """Wait no longer."""
        self.is_over = True
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


class Patience:
    """Ends what is over its time, oldest first. All are given the same time, so one timer serves them all."""

    def __init__(self) -> None:
        self._waiting: deque[Sending] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, sending: Sending) -> None:
        """End this one when its time is up."""
        waiting = self._waiting
        while waiting and waiting[0].is_over:
            waiting.popleft()
        waiting.append(sending)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(sending.until, self._look)

    def _look(self) -> None:
        waiting, loop = self._waiting, asyncio.get_running_loop()
        self._timer = None
        while waiting and (waiting[0].is_over or waiting[0].until <= loop.time()):
            waiting.popleft().end()
        if waiting:
            self._timer = loop.call_at(waiting[0].until, self._look)
