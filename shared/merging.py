"""Merges the partitions of a topic by the time their records were written, across a backlog too.

A fetch may bring many records of one partition and none of another that has older ones. A record
is therefore handed out only when no partition that is still to be read on could hold an older one.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heapreplace, merge
from itertools import islice
from typing import Any

import structlog

log = structlog.get_logger(__name__)

PATIENCE_S = 5.0
"""A partition that brings nothing for so long, though it has more, holds the others up no longer."""


def _written_at(record: Any) -> int:
    return record.timestamp  # type: ignore[no-any-return] # a record of Kafka's


class Merger:
    """Buffers of fetched records by partition, and the offsets up to which they were dealt with."""

    def __init__(self, positions: Mapping[int, int] | None = None) -> None:
        self.positions = dict(positions or {})
        self._buffers: dict[int, deque[Any]] = {p: deque() for p in self.positions}
        self._next = dict(self.positions)
        self._ends: dict[int, int] = {}
        self._held_up_since: float | None = None

    def hungry(self, enough: int) -> list[int]:
        """Return the partitions that have fewer than `enough` records in hand."""
        return [p for p, buffer in self._buffers.items() if len(buffer) < enough]

    def add(self, partition: int, records: Iterable[Any]) -> None:
        """Take in fetched records; those of other partitions and those dealt with are left out."""
        if partition not in self._buffers:
            return
        for record in records:
            if record.offset >= self._next[partition]:
                self._buffers[partition].append(record)
                self._next[partition] = record.offset + 1

    def note_end(self, partition: int, end: int | None) -> None:
        """Note the offset at which the partition ended when it was last fetched; None: not known yet."""
        if end is not None:
            self._ends[partition] = end

    def upcoming(self, most: int) -> list[Any]:
        """Return records in hand that will be handed out soon, the oldest first; they stay in hand."""
        return list(islice(merge(*self._buffers.values(), key=_written_at), most))

    def take(self, most: int) -> list[Any]:
        """Hand out the oldest records, as far as it is certain that nothing older is to come."""
        taken: list[Any] = []
        heads = [(buffer[0].timestamp, p) for p, buffer in self._buffers.items() if buffer]
        heapify(heads)
        is_certain = bool(heads) and self._is_certain()
        while is_certain and heads and len(taken) < most:
            partition = heads[0][1]
            buffer = self._buffers[partition]
            taken.append(buffer.popleft())
            if buffer:
                heapreplace(heads, (buffer[0].timestamp, partition))
            else:
                heappop(heads)
                is_certain = self._is_certain()
        if taken:
            self._held_up_since = None
        return taken

    def _is_certain(self) -> bool:
        """Whether no partition could still bring an older record, or one was waited for long enough."""
        return not self._has_unread() or self._is_patience_over()

    def _has_unread(self) -> bool:
        """Whether some partition has nothing in hand and is not known to be at its end."""
        return any(
            not buffer and self._next[p] < self._ends.get(p, self._next[p] + 1) for p, buffer in self._buffers.items()
        )

    def _is_patience_over(self) -> bool:
        now = time.monotonic()
        if self._held_up_since is None:
            self._held_up_since = now
        if now - self._held_up_since <= PATIENCE_S:
            return False
        log.warning("a partition brings nothing", next=self._next, ends=self._ends)
        return True
