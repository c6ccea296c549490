"""Whoever asks: a name, a tenant, and what they may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_TENANT = "default"
CALLER = "lanewatch.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """What a token says of the one who sends it."""

    subject: str
    tenant: str
    scopes: frozenset[str]
    sources: tuple[str, ...] | None = None
    """Events of which sources are the caller's: those that are, or begin with, one of these; None is all."""
    until: float | None = None
    """When the token ends, in seconds since the epoch; None: never."""

    def owns(self, source: str) -> bool:
        """Return whether events of this source are the caller's."""
        return self.sources is None or source.startswith(self.sources)


EVERYBODY = Caller("everybody", DEFAULT_TENANT, frozenset())
"""Whoever asks a service that runs open."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return who sent a request, given its ASGI scope or the request itself."""
    found: Caller = scope.get(CALLER, EVERYBODY)
    return found
