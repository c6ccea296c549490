"""How much of a process recovered deliveries may take, so that they slow no first attempt."""

from uuid import UUID


class Share:
    """Counts what is under way of it, and remembers which endpoints wait for a place, in turn."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.under_way = 0
        self._waiting: dict[UUID, None] = {}

    @property
    def left(self) -> int:
        """How many more may be under way."""
        return self.limit - self.under_way

    def wait(self, who: UUID) -> None:
        """Take a place in the line."""
        self._waiting.setdefault(who)

    def next(self) -> UUID | None:
        """Return which endpoint has waited longest, and forget it; None when none waits or there is no place."""
        if self.left <= 0 or not self._waiting:
            return None
        who = next(iter(self._waiting))
        del self._waiting[who]
        return who
