"""How much is in hand at once, so that memory stays bounded while the broker or clients are slow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class BusyError(Exception):
    """Too much is in hand; the client should come back."""


@dataclass
class Share:
    """What one request holds of the whole."""

    whole: "InHand"
    size: int = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more. Raises BusyError when the whole would pass its limit."""
        if self.whole.size + size > self.whole.max_bytes:
            raise BusyError
        self.whole.size += size
        self.size += size

    def give_back(self, size: int) -> None:
        """Hold so many bytes less."""
        self.whole.size -= size
        self.size -= size


class InHand:
    """Counts the requests in hand and the bytes of their bodies."""

    def __init__(self, max_requests: int, max_bytes: int) -> None:
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self.requests = 0
        self.size = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Hold a request's share and give it back at the end. Raises BusyError when there are too many."""
        if self.requests >= self.max_requests:
            raise BusyError
        share = Share(self)
        self.requests += 1
        try:
            yield share
        finally:
            self.requests -= 1
            self.size -= share.size
