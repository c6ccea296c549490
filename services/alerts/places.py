"""How much of the process's time and memory one tenant may take up at a time, and all together."""

from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from shared.errors import CallerError


class Places:
    """Places for `what`: so many altogether, and so many of one tenant."""

    def __init__(self, what: str, most: int, most_of_one: int, retry_after_s: int = 5) -> None:
        self._what = what
        self._most, self._most_of_one = most, most_of_one
        self._headers = {"retry-after": str(retry_after_s)}
        self._taken: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many are taken."""
        return self._taken.total()

    @contextmanager
    def taken(self, tenant: str) -> Iterator[None]:
        """Take a place until the end of the block. Raises CallerError: 429 for one's own many, 503 for all's."""
        if self._taken[tenant] >= self._most_of_one:
            raise CallerError(429, f"You have too many {self._what} at the same time", headers=self._headers)
        if self.count >= self._most:
            raise CallerError(503, f"There are too many {self._what}", headers=self._headers)
        self._taken[tenant] += 1
        try:
            yield
        finally:
            self._taken[tenant] -= 1
            if not self._taken[tenant]:
                del self._taken[tenant]


class Turns:
    """Lets a few do what is costly at a time, and some wait for that."""

    def __init__(self, places: Places, at_once: int) -> None:
        self.places = places
        self._turn = Semaphore(at_once)

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Wait for a turn and have it until the end of the block. Raises CallerError where too many wait already."""
        with self.places.taken(tenant):
            async with self._turn:
                yield
