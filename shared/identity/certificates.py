"""Who a client certificate stands for, as a proxy that has verified it tells (RFC 9440, `Client-Cert`).

The header is believed from the proxies that are named alone, and only for what it says of itself: whose it is, and from
when to when. That it was signed by somebody to be believed, and is not withdrawn, is the proxy's to see to.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import structlog
from cryptography import x509
from msgspec import Meta

from shared.identity.access import SCOPES
from shared.identity.caller import DEFAULT_TENANT, Caller

log = structlog.get_logger(__name__)

HEADER = b"client-cert"
MAX_BYTES = 16 * 1024
_UNREADABLE = (x509.UnsupportedGeneralNameType, x509.DuplicateExtension, x509.InvalidVersion)
"""What the library raises besides ValueError for what it does not read."""
"""Of the header; certificates have one to four kilobytes."""
REMEMBERED = 1_000
FRESH_S = 5.0

Network = IPv4Network | IPv6Network


class BadCertificateError(Exception):
    """The certificate lets nobody in; says why, to whoever sent it."""


class Identity(NamedTuple):
    """What a certificate says; times are in seconds since the epoch."""

    subject: str
    names: frozenset[str]
    fingerprint: str
    begins: float
    ends: float


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom certificates with these marks stand for; all that are given must fit."""

    name: Annotated[str, Meta(min_length=1)]
    subject: str | None = None
    """As RFC 4514 writes it, e.g. `CN=plant-1,O=Acme`."""
    san: str | None = None
    """One of its alternative names: `dns:…`, `uri:…` or `email:…`."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the whole certificate (DER)."""
    scopes: list[str]
    sources: list[str] | None = None
    tenant: Annotated[str, Meta(min_length=1)] = DEFAULT_TENANT

    def fits(self, identity: Identity) -> bool:
        """Return whether it is meant."""
        return (
            self.subject in (None, identity.subject)
            and (self.san is None or self.san in identity.names)
            and self.sha256 in (None, identity.fingerprint)
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    clients: list[Client]


def read_clients(text: bytes) -> Sequence[Client]:
    """Return the clients of a file; of several that a certificate fits the first counts. Raises ValueError."""
    clients = msgspec.json.decode(text, type=_File).clients
    for client in clients:
        if (client.subject, client.san, client.sha256) == (None, None, None):
            raise ValueError(f"the client {client.name} has none of subject, san and sha256, so it would be anyone")
        if unknown := set(client.scopes) - set(SCOPES):
            raise ValueError(f"the client {client.name} has scopes that there are not: {', '.join(sorted(unknown))}")
    return clients


def read_networks(text: str) -> Sequence[Network]:
    """Return networks that are apart by blanks. Raises ValueError."""
    return [ip_network(part) for part in text.split()]


def read_header(value: bytes) -> Identity:
    """Return what the certificate of a header says (RFC 9440, section 2.2). Raises BadCertificateError."""
    if len(value) > MAX_BYTES:
        raise BadCertificateError(f"the header has more than {MAX_BYTES} bytes")
    text = value.strip()
    if len(text) < 2 or not (text.startswith(b":") and text.endswith(b":")):  # noqa: PLR2004 - both colons
        raise BadCertificateError("it is not a byte sequence between colons")
    try:
        der = base64.b64decode(text[1:-1], validate=True)
        certificate = x509.load_der_x509_certificate(der)
        return Identity(
            certificate.subject.rfc4514_string(),
            frozenset(_names(certificate)),
            sha256(der).hexdigest(),
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )
    except (binascii.Error, ValueError, *_UNREADABLE) as error:
        raise BadCertificateError("it holds no certificate that can be read") from error


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    kinds = (("dns", x509.DNSName), ("uri", x509.UniformResourceIdentifier), ("email", x509.RFC822Name))
    return [f"{kind}:{name}" for kind, type_ in kinds for name in found.get_values_for_type(type_)]


class Certificates:
    """Believes the proxies in some networks, and knows the clients of a file, which may change."""

    def __init__(self, path: Path, proxies: Sequence[Network]) -> None:
        """Raise ValueError or OSError when the file cannot be read, or no proxy is named."""
        if not proxies:
            raise ValueError("LANEWATCH_AUTH_PROXIES names no proxy, so nobody could tell of a certificate")
        self._path = path
        self._proxies = proxies
        self._clients = read_clients(path.read_bytes())
        self._asked_at = time.monotonic()
        self._known: dict[bytes, Identity] = {}

    async def caller(self, values: Sequence[bytes], peer: str | None) -> Caller:
        """Return whom the header of a request stands for. Raises BadCertificateError."""
        if not self._is_proxy(peer):
            raise BadCertificateError("it is taken from the proxies that are named alone")
        if len(values) != 1:
            raise BadCertificateError("the header stands twice")
        identity = self._identity(values[0])
        now = time.time()
        if now < identity.begins:
            raise BadCertificateError(f"it is not valid before {_told(identity.begins)}")
        if now > identity.ends:
            raise BadCertificateError(f"it ended at {_told(identity.ends)}")
        await self._refresh()
        client = next((client for client in self._clients if client.fits(identity)), None)
        if client is None:
            raise BadCertificateError("it stands for nobody who is known")
        sources = None if client.sources is None else tuple(client.sources)
        return Caller(client.name, client.tenant, frozenset(client.scopes), sources, identity.ends)

    def _is_proxy(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._proxies)

    def _identity(self, value: bytes) -> Identity:
        if (known := self._known.get(value)) is None:
            known = read_header(value)
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[value] = known
        return known

    async def _refresh(self) -> None:
        if time.monotonic() - self._asked_at > FRESH_S:
            self._asked_at = time.monotonic()
            try:
                self._clients = read_clients(await asyncio.to_thread(self._path.read_bytes))
            except (OSError, ValueError) as error:
                log.warning("the clients cannot be read; the last ones stay", reason=str(error))


def _told(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
