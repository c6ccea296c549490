"""How often endpoints may be sent what somebody asks for: handshakes and tests, which no alert stands behind.

Counted in the database, all processes together, in windows of a minute. What one tenant may send to one host is far
less than what all may, so that nobody can keep the others from asking.
"""

from typing import NamedTuple
from uuid import UUID

OPEN_TESTS = 20
"""So many tests of a subscription may be still to be delivered."""


class Bound(NamedTuple):
    """So many in a minute, of what is counted under a name."""

    who: str
    most: int


def of_handshake(tenant: str, host: str) -> tuple[Bound, ...]:
    """Return what bounds the handshakes with a host."""
    return (
        Bound(f"handshake host {host}", 60),
        Bound(f"handshake tenant {tenant}", 60),
        Bound(f"handshake tenant {tenant} host {host}", 12),
    )


def of_test(tenant: str, host: str | None, subscription_id: UUID) -> tuple[Bound, ...]:
    """Return what bounds the tests of a subscription; `host` is None where it has no endpoint."""
    own = (Bound(f"test subscription {subscription_id}", 30), Bound(f"test tenant {tenant}", 120))
    if host is None:
        return own
    return (*own, Bound(f"test host {host}", 120), Bound(f"test tenant {tenant} host {host}", 60))
