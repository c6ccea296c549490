"""Windows of items on their way to Kafka: a few at once, so that memory stays bounded and the client is held back."""

from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Generic, NamedTuple, Protocol, TypeVar

from services.ingest.api.counting import count_events
from services.ingest.api.in_hand import Share
from services.ingest.domain.reading import Accepted, Item
from services.ingest.publisher import Publisher, Result, Sending

WINDOWS = 8


class Placed(Protocol):
    """Something of a stream that gave an event, or a fault."""

    @property
    def item(self) -> Item:
        """What it gave."""


P = TypeVar("P", bound=Placed)


class _Window(NamedTuple, Generic[P]):
    """What was handed over together."""

    items: Sequence[P]
    sending: Sending
    size: int


Tell = Callable[[list[tuple[P, Result | None]]], list[int]]
"""Told of items in order, each with what became of it; returns the status of each."""


class Windows(Generic[P]):
    """What is on its way, and whom to tell what became of it."""

    def __init__(self, publisher: Publisher, share: Share, tell: Tell[P]) -> None:
        self._publisher = publisher
        self._share = share
        self._tell = tell
        self._on_the_way: deque[_Window[P]] = deque()

    async def hand_over(self, items: Sequence[P], size: int) -> bool:
        """Begin to publish; wait until few enough are on their way, and return whether Kafka is away."""
        sending = self._publisher.begin([each.item for each in items if isinstance(each.item, Accepted)])
        self._on_the_way.append(_Window(items, sending, size))
        return await self.settle(WINDOWS - 1)

    async def settle(self, left: int = 0) -> bool:
        """Wait for the oldest until no more than so many are on their way; return whether Kafka is away."""
        is_away = False
        while len(self._on_the_way) > left:
            window = self._on_the_way.popleft()
            came = iter(await window.sending.results())
            self._share.give_back(window.size)
            statuses = self._tell(
                [(each, next(came) if isinstance(each.item, Accepted) else None) for each in window.items]
            )
            count_events(statuses)
            is_away |= HTTPStatus.SERVICE_UNAVAILABLE in statuses
        return is_away
