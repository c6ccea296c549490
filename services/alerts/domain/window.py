"""The deliveries of one endpoint that a worker has in hand, and which of them may be sent now.

At most one of a lane is under way at a time. One that failed keeps its lane closed; those behind it
are let go and come back with it.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from services.alerts.domain.share import Share


class Item(Protocol):
    """What the window needs to know of a delivery."""

    @property
    def delivery_id(self) -> Hashable:
        """What tells it from others."""

    @property
    def order_key(self) -> str | None:
        """Its lane, or None when its place does not matter."""

    @property
    def is_behind(self) -> bool:
        """Whether it is recovered, and comes after all that is not."""


T = TypeVar("T", bound=Item)


class Window(Generic[T]):
    """Holds deliveries in the order of their alerts; what is recovered takes at most its share, and half the places."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.is_short = False
        """Whether something recovered waits for a place in the share."""
        self._ready: list[T] = []
        self._in_hand: dict[Hashable, T] = {}
        self._closed: set[str] = set()
        self.in_flight = 0
        self._behind = 0
        """Of them, recovered ones."""

    def __len__(self) -> int:
        return len(self._in_hand)

    def __iter__(self) -> Iterator[T]:
        """Go through what is in hand: ready, under way, or answered and not recorded yet."""
        return iter(self._in_hand.values())

    @property
    def has_ready(self) -> bool:
        """Whether something is left that was not sent yet."""
        return bool(self._ready)

    def add(self, items: Iterable[T]) -> None:
        """Take in more, in the order in which they are to be sent; what is there already stays where it is."""
        for item in items:
            if item.delivery_id in self._in_hand:
                continue
            self._in_hand[item.delivery_id] = item
            place = len(self._ready)
            while place and not item.is_behind and self._ready[place - 1].is_behind:
                place -= 1
            self._ready.insert(place, item)

    def take(self, allowance: int) -> list[T]:
        """Return what may be sent now with at most `allowance` under way."""
        taken: list[T] = []
        left: list[T] = []
        own = max(1, allowance // 2) - self._behind
        spare = min(self.share.left, own)
        has_refused = False
        looked = 0
        for item in self._ready:
            if self.in_flight + len(taken) >= allowance:
                break
            looked += 1
            is_open = item.order_key is None or item.order_key not in self._closed
            if is_open and (spare > 0 or not item.is_behind):
                taken.append(item)
                spare -= item.is_behind
                if item.order_key is not None:
                    self._closed.add(item.order_key)
            else:
                left.append(item)
                has_refused |= is_open
        if taken:
            self._ready = left + self._ready[looked:]
        self.is_short = has_refused and own > self.share.left
        self.in_flight += len(taken)
        self._count(sum(item.is_behind for item in taken))
        return taken

    def _count(self, behind: int) -> None:
        self._behind += behind
        self.share.under_way += behind

    def answered(self, item: T, *, frees_lane: bool) -> None:
        """Note that an attempt ended, and whether the next of its lane may go."""
        self.in_flight -= 1
        self._count(-item.is_behind)
        if frees_lane and item.order_key is not None:
            self._closed.discard(item.order_key)

    def recorded(self, item: T, *, frees_lane: bool) -> None:
        """Let go of a delivery whose outcome is stored; with its lane's others if that stays closed."""
        self._in_hand.pop(item.delivery_id, None)
        if frees_lane or item.order_key is None:
            return
        self._closed.discard(item.order_key)
        self._let_go(behind for behind in self._ready if behind.order_key == item.order_key)

    def clear(self) -> None:
        """Let go of everything that is not under way."""
        self._let_go(self._ready)

    def _let_go(self, items: Iterable[T]) -> None:
        gone = {item.delivery_id for item in items}
        self._ready = [item for item in self._ready if item.delivery_id not in gone]
        for delivery_id in gone:
            del self._in_hand[delivery_id]
