"""How much one client may send: a budget that holds what a window brings and fills steadily.

The generic cell rate algorithm (ITU-T I.371, annex A): all that is kept of a budget is when it will be full again.
"""

from dataclasses import dataclass
from math import ceil, floor

_HAIR = 1e-6
"""Seconds, and units, that are the rounding of floats and nothing else."""


@dataclass(frozen=True, slots=True)
class Policy:
    """So many units in so many seconds; times are in seconds of any clock that only goes forward."""

    name: str
    unit: str
    quota: int
    window_s: int

    def after(self, full_at: float, now: float, units: int) -> float:
        """Return when the budget will be full again once so many units are taken."""
        return max(full_at, now) + units * self.window_s / self.quota

    def wait_s(self, full_at: float, now: float, units: int) -> float:
        """Return in how many seconds so many units will be there; 0: now. More than the quota never are."""
        wait = self.after(full_at, now, units) - now - self.window_s
        return wait if wait > _HAIR else 0.0

    def left(self, full_at: float, now: float) -> int:
        """Return how many units are there."""
        missing = max(0.0, full_at - now) * self.quota / self.window_s
        return max(0, floor(self.quota - missing + _HAIR))

    def item(self) -> str:
        """Return the policy as an item of `RateLimit-Policy`."""
        return f'"{self.name}";q={self.quota};qu="{self.unit}";w={self.window_s}'

    def state(self, full_at: float, now: float) -> str:
        """Return the budget as an item of `RateLimit`: what is left, and in how many seconds there is more."""
        left = self.left(full_at, now)
        if left >= self.quota:
            return f'"{self.name}";r={left}'
        return f'"{self.name}";r={left};t={max(1, ceil(self.wait_s(full_at, now, left + 1)))}'
