"""Windows of items on their way to Kafka: a few at once, so that memory stays bounded and the client is held back."""

from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Generic, NamedTuple, TypeVar

from services.ingest.api.counting import count_events
from services.ingest.api.in_hand import Share
from services.ingest.domain.reading import Accepted, Item
from services.ingest.publisher import Publisher, Result, Sending

WINDOWS = 8


W = TypeVar("W")


class _Window(NamedTuple, Generic[W]):
    """What was handed over together."""

    whole: W
    items: Sequence[Item | None]
    sending: Sending
    size: int


Tell = Callable[[W, Sequence[Result | None]], list[int]]
"""Told of a window, and of each of its items what became of it, if it was an event; returns the statuses to count."""


class Windows(Generic[W]):
    """What is on its way, and whom to tell what became of it."""

    def __init__(self, publisher: Publisher, share: Share, tell: Tell[W]) -> None:
        self._publisher = publisher
        self._share = share
        self._tell = tell
        self._on_the_way: deque[_Window[W]] = deque()

    async def hand_over(self, whole: W, items: Sequence[Item | None], size: int) -> bool:
        """Begin to publish; wait until few enough are on their way, and return whether Kafka is away."""
        sending = self._publisher.begin([item for item in items if isinstance(item, Accepted)])
        self._on_the_way.append(_Window(whole, items, sending, size))
        return await self.settle(WINDOWS - 1)

    async def settle(self, left: int = 0) -> bool:
        """Wait for the oldest until no more than so many are on their way; return whether Kafka is away."""
        is_away = False
        while len(self._on_the_way) > left:
            window = self._on_the_way.popleft()
            results = await window.sending.results()
            self._share.give_back(window.size)
            statuses = self._tell(window.whole, _in_place(window.items, results))
            count_events(statuses)
            is_away |= HTTPStatus.SERVICE_UNAVAILABLE in statuses
        return is_away


def _in_place(items: Sequence[Item | None], results: list[Result]) -> Sequence[Result | None]:
    """Return the results of events, each where its event is among the items."""
    if len(results) == len(items):
        return results
    came = iter(results)
    return [next(came) if isinstance(item, Accepted) else None for item in items]
