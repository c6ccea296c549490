"""What a sender may have been handed without knowing it, and must look for until it is known."""

import math
from typing import NamedTuple
from uuid import UUID

IN_DOUBT_S = 70.0
"""Longer than a transaction lasts of which nobody hears any more (`transaction_timeout`, 60 s)."""


class Doubt(NamedTuple):
    """Endpoints to be looked at again, or all that a worker has claimed."""

    ids: frozenset[UUID] = frozenset()
    is_all: bool = False

    def __bool__(self) -> bool:
        return self.is_all or bool(self.ids)


class Doubts:
    """Times are by the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.current = Doubt()
        self._until = -math.inf

    def are_open(self, now: float) -> bool:
        """Return whether a transaction that nobody hears of may still hand something over."""
        return now < self._until

    def of(self, ids: set[UUID]) -> None:
        """Look at some endpoints again."""
        self.current = Doubt(self.current.ids | ids, self.current.is_all)

    def of_all(self, now: float) -> None:
        """Look at all again, now and as long as a transaction may last."""
        self._until = now + IN_DOUBT_S
        self.current = self.current._replace(is_all=True)

    def go_on(self, now: float, every_s: float) -> None:
        """Look at all again if that is not over; called every so many seconds, and so once more when it is."""
        if now < self._until + every_s:
            self.current = self.current._replace(is_all=True)

    def settled(self, doubt: Doubt) -> None:
        """Forget what was looked at."""
        self.current = Doubt(self.current.ids - doubt.ids, self.current.is_all and not doubt.is_all)
