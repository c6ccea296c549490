"""How fast an endpoint may be sent to: a bucket of one token that fills at the rate that was asked for."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Pace:
    """What a subscription allows, and when the next request may go out."""

    max_per_second: float | None = None
    max_in_flight: int | None = None
    next_at: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """Return how long to wait for the next token; 0 when it is there."""
        if self.max_per_second is None or self.next_at is None:
            return 0.0
        return max(0.0, (self.next_at - now).total_seconds())

    def spent(self, now: datetime) -> "Pace":
        """Return the pace after a request: the next comes a whole interval later, so that no second holds more."""
        if self.max_per_second is None:
            return self
        return replace(self, next_at=now + timedelta(seconds=1 / self.max_per_second))
