"""Where a subscription's alerts may go: one spelling for each URL, and a reason for each that is refused.

Whatever two readers of a URL might understand differently is refused, so that what was checked is what is
called: user names, backslashes, escapes in a host, unusual spellings of addresses.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

import idna

from services.alerts.domain.addresses import Address, Network, address, refusal
from services.alerts.domain.wishes import Format

_FORM = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]*)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What WHATWG's URL standard reads as a number, and thereby its host as an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_HOST = 253
MAX_PORT = 65_535
# The ports that browsers do not call (WHATWG Fetch, "port blocking"): others than HTTP speak there.
# fmt: off
BAD_PORTS = frozenset({
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})
# fmt: on


class Target(NamedTuple):
    """A URL in its parts."""

    scheme: str
    host: str
    """A name in lower case as DNS knows it (RFC 5891), or an address in its usual spelling, without brackets."""
    port: int
    path: str
    """With the query, as it was given."""
    literal: Address | None
    """The host when it is an address."""

    @property
    def authority(self) -> str:
        """The host and, unless it is the usual one, the port: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The one spelling of this URL."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True)
class Reach:
    """What an operator lets be delivered to."""

    networks: tuple[Network, ...] = ()
    """Allowed though they are private, loopback or the like."""
    is_https_only: bool = False
    ports: frozenset[int] = frozenset()
    """The only ones; empty is all but those of other protocols."""

    def refusal_of(self, target: Target) -> str | None:
        """Return why a URL is refused whatever its name stands for; None when that decides."""
        if self.is_https_only and target.scheme != "https":
            return "must be https"
        if self.ports and target.port not in self.ports:
            return f"must name one of the ports {', '.join(map(str, sorted(self.ports)))}"
        if target.literal is not None:
            return self.refusal_of_address(target.literal)
        if target.host == "localhost" or target.host.endswith(".localhost"):
            # RFC 6761, section 6.3: it is loopback wherever it is looked up.
            return self.refusal_of_address(address("127.0.0.1")) and f"{target.host} is this machine itself"
        return None

    def refusal_of_address(self, of: Address) -> str | None:
        """Return why an address is refused."""
        return refusal(of, self.networks)


def without_secret(url: str, format: Format) -> str:
    """Return a URL as it may be told: a channel's incoming webhook is known by its hash, for its path is a secret."""
    if format == "cloudevents":
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/#sha256={sha256(url.encode()).hexdigest()[:16]}"


def read_url(text: str) -> Target:
    """Return a URL in its parts. Raises ValueError, which says what is wrong with it."""
    if any(ord(c) <= ord(" ") or c in "\\\x7f" for c in text):
        raise ValueError("must not hold blanks, control characters or backslashes")
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("must not hold a fragment" if "#" in text else "must be an http or https URL with a host")
    scheme, authority, path = form[1].lower(), form[2], form[3]
    if not path.isascii():
        raise ValueError("must hold ASCII after the host; write other characters percent-encoded")
    if "@" in authority:
        raise ValueError("must not hold a user or password")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts[1]:
        raise ValueError("must be an http or https URL with a host, and a port of digits if any")
    port = int(parts[2] or DEFAULT_PORTS[scheme])
    if port > MAX_PORT or port in BAD_PORTS:
        raise ValueError(f"must not name port {port}")
    host, literal = _host(parts[1])
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}", literal)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        if ":" not in text:
            raise ValueError("must hold an IPv6 address, and nothing else, in brackets")
        return _literal(text[1:-1])
    if "%" in text:
        raise ValueError("must not hold escapes in its host")
    name = _ascii(text).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must name a host as DNS knows it, or an IP address")
    if _NUMBER.fullmatch(labels[-1]):
        if not _DOTTED.fullmatch(name):
            raise ValueError("must spell an IPv4 address as four decimal numbers")
        return _literal(name)
    return name, None


def _literal(text: str) -> tuple[str, Address]:
    try:
        found = address(text)
    except ValueError as error:
        raise ValueError(f"must hold a valid IP address: {error}") from error
    return str(found), found


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"must hold a valid international name: {error}") from error
