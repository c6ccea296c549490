"""Posts to somebody else's machine: a name is looked up once, and what was checked is what is connected to.

The HTTP library is only ever given addresses. It keeps connections apart by address and name, so one that is
kept alive serves no name that now stands for another address, and it could not look a name up if it wanted to.
"""

import asyncio
import os
import socket
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ssl import SSLContext, SSLError
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.alerts.calling import tls
from services.alerts.calling.resolving import Resolver, UnresolvedError
from services.alerts.domain.addresses import Address, address
from services.alerts.domain.retries import Answer
from services.alerts.domain.urls import Reach, Target, read_url

READ_BYTES = 64 * 1024
EXCERPT_BYTES = 1024
KEEPALIVE_S = 4.0
"""Below the 5 s after which common servers close an idle connection, so that none is closed under a request."""
TRIED_ADDRESSES = 3
REMEMBERED = 10_000


@dataclass(frozen=True)
class Response:
    """How a request ended, and the beginning of what was answered."""

    answer: Answer
    excerpt: bytes = b""


class RefusedError(Exception):
    """It may not be called; says why."""


class _NoNames(AbstractResolver):
    """What the HTTP library is given in place of a resolver."""

    async def resolve(self, host: str, *_: Any, **__: Any) -> list[ResolveResult]:
        raise OSError(f"{host} is looked up before it is connected to, and only then")

    async def close(self) -> None:
        pass


class Poster:
    """Posts over one pool of connections, kept alive and shared by all; never raises but when it is cancelled."""

    def __init__(
        self,
        reach: Reach,
        resolver: Resolver,
        *,
        context: SSLContext,
        connect_timeout_s: float,
        attempt_timeout_s: float,
    ) -> None:
        self.attempt_timeout_s = attempt_timeout_s
        self._reach = reach
        self._resolver = resolver
        self._context = context
        self._connect_timeout_s = connect_timeout_s
        # Reading a URL and looking through the tables cost as much as half of all else in a request.
        self._target = lru_cache(maxsize=4096)(self._read)
        self._refusal = lru_cache(maxsize=4096)(reach.refusal_of_address)
        self._worked: OrderedDict[str, Address] = OrderedDict()
        """The address of a name that was last connected to."""

    async def __aenter__(self) -> Self:
        # How many requests are under way is limited by who calls, endpoint by endpoint; a limit here
        # would let one endpoint hold back another. A jar would carry cookies from one to another.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEPALIVE_S,
                ssl=self._context,
                resolver=_NoNames(),
                use_dns_cache=False,
                socket_factory=self._socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_s),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._resolver.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Post a body to a URL and return the answer, or why there is none."""
        try:
            async with asyncio.timeout(self.attempt_timeout_s):
                target = self._target(url)
                return await self._post_to_any(target, await self._addresses(target), body, headers)
        except aiohttp.ConnectionTimeoutError:
            return _failure(f"no connection within {self._connect_timeout_s:g} s")
        except TimeoutError:
            return _failure(f"no answer within {self.attempt_timeout_s:g} s")
        except RefusedError as error:
            return _failure(f"refused: {error}")
        except UnresolvedError as error:
            return _failure(str(error))
        # ValueError: a header that the library cannot write.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failure(describe(error))

    def _read(self, url: str) -> Target:
        try:
            target = read_url(url)
        except ValueError as error:
            raise RefusedError(f"the URL {error}") from error
        if why := self._reach.refusal_of(target):
            raise RefusedError(why if target.literal else f"the URL {why}")
        return target

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """Return where a target may be called. One forbidden address spoils the answer that it is in."""
        if target.literal is not None:
            return (target.literal,)
        found = await self._resolver.addresses(target.host)
        for each in found:
            if why := self._refusal(each):
                raise RefusedError(f"{target.host}: {why}")
        worked = self._worked.get(target.host)
        return found if worked not in found else sorted(found, key=lambda each: each != worked)

    async def _post_to_any(
        self, target: Target, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str]
    ) -> Response:
        """Post to the first address that can be connected to; before that, nothing was sent."""
        *others, last = addresses[:TRIED_ADDRESSES]
        for each in others:
            try:
                return await self._post_to(target, each, body, headers)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                if isinstance(error, aiohttp.ClientSSLError):
                    raise
        return await self._post_to(target, last, body, headers)

    async def _post_to(self, target: Target, to: Address, body: bytes, headers: Mapping[str, str]) -> Response:
        async with self._session.post(
            pinned(target, to),
            data=body,
            headers={**headers, "host": target.authority},
            # Certificates are checked against the name, and connections of other names are not taken.
            server_hostname=None if target.literal is not None else target.host,
            allow_redirects=False,
        ) as response:
            if target.literal is None:
                self._note(target.host, to)
            return await _read(response)

    def _note(self, host: str, worked: Address) -> None:
        self._worked[host] = worked
        if len(self._worked) > REMEMBERED:
            self._worked.popitem(last=False)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Open a socket, at the last moment before it is connected: what was not checked is not called."""
        family, kind, protocol, _, place = info
        if why := self._refusal(address(place[0])):
            raise PermissionError(f"refused: {why}")
        return socket.socket(family, kind, protocol)


@lru_cache(maxsize=4096)
def pinned(target: Target, to: Address) -> URL:
    """Return the URL of a target with an address in place of its name."""
    host = f"[{to}]" if to.version == 6 else str(to)  # noqa: PLR2004
    return URL(f"{target.scheme}://{host}:{target.port}{target.path}", encoded=True)


async def _read(response: aiohttp.ClientResponse) -> Response:
    """Read a bounded part of the answer. An answer that breaks off is not an acceptance."""
    excerpt, size, error = b"", 0, None
    try:
        async for chunk in response.content.iter_any():
            excerpt += chunk[: EXCERPT_BYTES - len(excerpt)]
            size += len(chunk)
            if size >= READ_BYTES:
                break
    except (aiohttp.ClientError, OSError) as broken:
        error = f"the answer broke off: {describe(broken)}"
    return Response(Answer(response.status, error, response.headers.get("retry-after")), excerpt)


def _failure(reason: str) -> Response:
    return Response(Answer(error=reason))


def describe(error: Exception) -> str:
    """Return an error as one line."""
    cause: object = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
    if isinstance(cause, SSLError):
        text = tls.describe(cause)
    elif isinstance(error, aiohttp.ClientConnectorError):
        why = os.strerror(error.errno) if error.errno else str(error.os_error) or type(error.os_error).__name__
        text = f"no connection to {error.host}, port {error.port}: {why}"
    else:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return text[:500].replace("\0", "").encode(errors="replace").decode()
