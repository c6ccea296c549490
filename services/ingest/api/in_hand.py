"""How much is in hand at once, so that memory stays bounded while the broker or clients are slow."""

from types import TracebackType
from typing import Self

from services.ingest.api.spool import Spool


class BusyError(Exception):
    """Too much is in hand; the client should come back."""


class Share:
    """What one request holds of the whole, until it ends."""

    __slots__ = ("size", "whole")

    def __init__(self, whole: "InHand") -> None:
        self.whole = whole
        self.size = 0

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

    def __enter__(self) -> Self:
        """Count the request."""
        self.whole.requests += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give all of it back."""
        self.whole.requests -= 1
        self.whole.size -= self.size


class InHand:
    """Counts the requests in hand, the bytes of their bodies, and of the answers that wait to be read."""

    def __init__(self, max_requests: int, max_bytes: int, max_answers_bytes: int = 4 * 1024**3) -> None:
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self.requests = 0
        self.size = 0
        self.answers = Spool(max_answers_bytes)

    def share(self) -> Share:
        """Return a request's share, to be held in a `with`. Raises BusyError when there are too many."""
        if self.requests >= self.max_requests:
            raise BusyError
        return Share(self)
