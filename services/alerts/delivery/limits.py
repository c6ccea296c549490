"""How much one sending process takes in hand, and its times."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one process; times in seconds."""

    recovered: int = 8
    """Requests under way for recovered deliveries, to all endpoints together."""
    endpoints: int = 400
    window: int = 64
    linger_s: float = 1.0
    """So long an endpoint with nothing to send is kept, so that what comes next need not claim it."""
    lease_s: float = 10.0
    poll_s: float = 0.5
    nudge_after_s: float = 300.0
    stop_grace_s: float = 8.0
