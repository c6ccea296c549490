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

    def covers(self, subscription_id: UUID) -> bool:
        """Return whether an endpoint is being looked at again."""
        return self.is_all or subscription_id in self.ids

    def and_also(self, other: "Doubt") -> "Doubt":
        """Return both."""
        return Doubt(self.ids | other.ids, self.is_all or other.is_all)

    def __bool__(self) -> bool:
        return self.is_all or bool(self.ids)


class Doubts:
    """Times are by the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._waiting = Doubt()
        self._looked_at = Doubt()
        self._until = -math.inf

    def are_open(self, now: float) -> bool:
        """Return whether a transaction that nobody hears of may still hand something over."""
        return now < self._until

    def cover(self, subscription_id: UUID) -> bool:
        """Return whether an endpoint is being looked at again, or is to be."""
        return self._waiting.covers(subscription_id) or self._looked_at.covers(subscription_id)

    def of(self, ids: set[UUID]) -> None:
        """Look at some endpoints again."""
        self._waiting = self._waiting.and_also(Doubt(frozenset(ids)))

    def of_all(self, now: float) -> None:
        """Look at all again, now and as long as a transaction may last."""
        self._until = now + IN_DOUBT_S
        self._waiting = self._waiting.and_also(Doubt(is_all=True))

    def go_on(self, now: float, every_s: float) -> None:
        """Look at all again if that is not over; called every so many seconds, and so once more when it is."""
        if now < self._until + every_s:
            self._waiting = self._waiting.and_also(Doubt(is_all=True))

    def begin(self) -> Doubt:
        """Return what is to be looked at now; it comes again unless it is `settled`."""
        self._looked_at, self._waiting = self._looked_at.and_also(self._waiting), Doubt()
        return self._looked_at

    def settled(self) -> None:
        """Forget what was looked at, but not what has come into doubt since that began."""
        self._looked_at = Doubt()
