"""What each client may send, per process and in bounded memory: budgets of requests and of events.

Told as draft-ietf-httpapi-ratelimit-headers-10 has it. What is acknowledged is never taken back for it: a request is
refused before anything of it is published, a stream is slowed down, and stopped where it would wait too long.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, NamedTuple

from services.ingest.domain.budgets import Policy
from services.ingest.domain.faults import Fault
from shared.identity import EVERYBODY, Caller

ALLOWANCE = "lanewatch.allowance"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
MOST_WAIT_S = 5.0
"""A stream that would have to wait longer for its next lines is stopped."""
_IPV6_BITS = 64
"""Of one network that is given to one client (RFC 6177, section 2)."""

Key = tuple[str, str]
Headers = list[tuple[bytes, bytes]]


class SpentError(Exception):
    """The client's budget does not reach; nothing of the request was published."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.title)
        self.fault = fault


class Allowance:
    """What one request may take; this one may take anything."""

    def take(self, _events: int) -> Fault | None:
        """Take so many events, or none of them and return why."""
        return None

    async def wait_for(self, _events: int) -> Fault | None:
        """Take so many events as soon as they are there, or none of them and return why."""
        return None


UNLIMITED = Allowance()


class Budget:
    """One budget of one client."""

    __slots__ = ("full_at", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.full_at = 0.0

    def take(self, units: int, now: float, most_wait_s: float = 0.0) -> float | Fault:
        """Take units and return in how many seconds they may be used; when that is too late, take none."""
        units = min(units, self.policy.quota)  # A few formats make more events of a message than it has items.
        wait_s = self.policy.wait_s(self.full_at, now, units)
        if wait_s > most_wait_s:
            return _spent(self.policy, wait_s)
        self.full_at = self.policy.after(self.full_at, now, units)
        return wait_s


class Account(NamedTuple):
    """A client's budgets; None: it has no bounds."""

    requests: Budget | None
    events: Budget | None


class Limited(Allowance):
    """What a request of a client with budgets may take."""

    def __init__(self, account: Account, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock

    def begin(self) -> Fault | None:
        """Take the request itself, or return why it is refused."""
        return self._take(self._account.requests, 1)

    def take(self, events: int) -> Fault | None:
        """Take so many events, or none of them and return why."""
        return self._take(self._account.events, events)

    async def wait_for(self, events: int) -> Fault | None:
        """Take so many events as soon as they are there, or none of them and return why."""
        if self._account.events is None:
            return None
        taken = self._account.events.take(events, self._clock(), MOST_WAIT_S)
        if isinstance(taken, Fault):
            return taken
        if taken:
            await asyncio.sleep(taken)
        return None

    def state(self) -> bytes:
        """Return what is left, as the value of `RateLimit`."""
        now = self._clock()
        return ", ".join(each.policy.state(each.full_at, now) for each in self._account if each).encode()

    def _take(self, budget: Budget | None, units: int) -> Fault | None:
        taken = budget.take(units, self._clock()) if budget else None
        return taken if isinstance(taken, Fault) else None


class Rates:
    """The budgets of all clients; of too many, those that were not seen for longest are forgotten, and begin anew."""

    def __init__(
        self,
        requests: Policy | None,
        events: Policy | None,
        max_clients: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = requests
        self._events = events
        self._max_clients = max_clients
        self._clock = clock
        self._accounts: OrderedDict[Key, Account] = OrderedDict()
        self.policies = ", ".join(policy.item() for policy in (requests, events) if policy).encode()
        """The value of `RateLimit-Policy`; empty when there are no limits."""

    def of(self, key: Key) -> Limited:
        """Return what a client may take."""
        account = self._accounts.get(key)
        if account is None:
            account = Account(_budget(self._requests), _budget(self._events))
            self._accounts[key] = account
            if len(self._accounts) > self._max_clients:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(key)
        return Limited(account, self._clock)


def allowance_of(scope: Mapping[str, Any]) -> Allowance:
    """Return what a request may take, given its ASGI scope."""
    found: Allowance = scope.get(ALLOWANCE, UNLIMITED)
    return found


def key_of(caller: Caller, client: tuple[str, int] | None) -> Key:
    """Return whose budget counts: the tenant's client by its name, or by its address where nobody is asked for one."""
    return ("", _network(client[0] if client else "")) if caller is EVERYBODY else (caller.tenant, caller.subject)


def _budget(policy: Policy | None) -> Budget | None:
    return Budget(policy) if policy else None


@lru_cache(4096)
def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    is_wide = isinstance(found, IPv6Address) and found.ipv4_mapped is None
    return str(ip_network((found, _IPV6_BITS), strict=False)) if is_wide else address


def _spent(policy: Policy, wait_s: float) -> Fault:
    again_s = max(1, ceil(wait_s))
    return Fault(
        type=QUOTA_EXCEEDED,
        title="The quota is used up",
        status=429,
        detail=f"At most {policy.quota} {policy.unit} in {policy.window_s} s; come back in {again_s} s.",
        violated_policies=(policy.name,),
        retry_after_s=again_s,
    )
