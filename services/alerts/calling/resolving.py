"""Looks names up: each once for all that ask at a time, within a bound of time, and remembered for moments only.

No thread is used up by a name whose servers do not answer, so it delays no other.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiodns
from aiodns.error import DNSError

from services.alerts.domain.addresses import Address, address

REMEMBERED = 10_000
LEAST_S = 1.0
"""An answer is good for so long though it says less, so that a busy endpoint does not flood its servers."""
RENEW_S = 300.0
RENEW_AFTER = 10_000
"""The library remembers answers for as long as they say, without a bound: so it is begun anew now and then,
which also reads the system's configuration again."""


class UnresolvedError(Exception):
    """The name has no address that is known; says why."""


class _Client:
    """One client of the library, closed when it was replaced and has nothing under way."""

    def __init__(self, servers: Sequence[str]) -> None:
        self.made_at = time.monotonic()
        self.asked = 0
        self.under_way = 0
        self.is_old = False
        self._dns = aiodns.DNSResolver(nameservers=list(servers) or None)

    async def ask(self, name: str) -> list[tuple[Address, int]]:
        """Return the addresses of a name, each with the seconds for which the answer is good."""
        self.asked += 1
        self.under_way += 1
        try:
            found = await self._dns.getaddrinfo(name, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
            return [(address(_text(node.addr[0])), node.ttl) for node in found.nodes]
        finally:
            self.under_way -= 1
            await self.close_if_done()

    async def close_if_done(self) -> None:
        """Close it when nobody waits for it any more."""
        if self.is_old and self.under_way == 0:
            await self._dns.close()


def _text(of: str | bytes) -> str:
    return of.decode() if isinstance(of, bytes) else of


class Resolver:
    """Names to addresses, by the system's configuration and hosts file, or by the given servers (`address:port`)."""

    def __init__(
        self,
        *,
        servers: Sequence[str] = (),
        timeout_s: float = 5.0,
        most_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout_s = timeout_s
        self.most_s = most_s
        self._servers = servers
        self._clock = clock
        self._client: _Client | None = None
        self._known: OrderedDict[str, tuple[float, tuple[Address, ...]]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """Return all addresses of a name. Raises UnresolvedError."""
        if (known := self._known.get(name)) is not None:
            if known[0] > self._clock():
                return known[1]
            del self._known[name]
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        # Whoever stops waiting does not take the answer from the others.
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Give up what is being looked up."""
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        if self._client is not None:
            self._client.is_old = True
            await self._client.close_if_done()

    async def _ask(self, name: str) -> tuple[Address, ...]:
        client = await self._fresh()
        try:
            async with asyncio.timeout(self.timeout_s):
                found = await client.ask(name)
        except TimeoutError as error:
            raise UnresolvedError(f"no answer from DNS about {name} within {self.timeout_s:g} s") from error
        except (DNSError, ValueError) as error:
            said = error.args[-1] if error.args else error
            raise UnresolvedError(f"DNS knows no address of {name}: {said}") from error
        if not found:
            raise UnresolvedError(f"DNS knows no address of {name}")
        addresses = tuple(dict.fromkeys(each for each, _ in found))
        self._remember(name, addresses, min(ttl for _, ttl in found))
        return addresses

    def _remember(self, name: str, addresses: tuple[Address, ...], ttl_s: float) -> None:
        good_for_s = min(max(ttl_s, LEAST_S), self.most_s)
        self._known[name] = (self._clock() + good_for_s, addresses)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _fresh(self) -> _Client:
        client = self._client
        is_old = client is not None and (client.asked >= RENEW_AFTER or time.monotonic() - client.made_at > RENEW_S)
        if client is None or is_old:
            self._client = _Client(self._servers)
            if client is not None:
                client.is_old = True
                with suppress(DNSError):
                    await client.close_if_done()
            return self._client
        return client
