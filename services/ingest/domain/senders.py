"""Who may deliver by signature alone: senders, each with how it signs, what it sends and in whose name."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from services.ingest.domain.signatures import Scheme

Format = Literal["cloudevents", "dcsa-2.2", "dcsa-3.0", "epcis-2.0", "licence-usage"]

PREFIX = "whsec_"
KEY_BYTES: dict[Scheme, tuple[int, int]] = {"dcsa": (32, 64), "standard-webhooks": (24, 64)}
"""How long a key is, as DCSA's reference implementation and Standard Webhooks have it."""
DEFAULT_TENANT = "default"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


@dataclass(frozen=True)
class Sender:
    """One sender; `keys` are two while its secret changes."""

    name: str
    source: str
    scheme: Scheme
    format: Format
    tenant: str
    keys: tuple[bytes, ...] = field(repr=False)


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern=NAME)]
    source: Annotated[str, Meta(min_length=1)]
    scheme: Scheme
    format: Format | None = None
    tenant: Annotated[str, Meta(min_length=1)] = DEFAULT_TENANT
    secrets: Annotated[list[str], Meta(min_length=1, max_length=2)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    senders: list[_Entry]


def read_senders(text: bytes) -> dict[str, Sender]:
    """Return the senders of a file by their names. Raises ValueError, which never tells what stands in a secret."""
    try:
        entries = msgspec.json.decode(text, type=_File).senders
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    found: dict[str, Sender] = {}
    for entry in entries:
        if entry.name in found:
            raise ValueError(f"the sender {entry.name} stands twice")
        keys = tuple(_key(entry, number) for number in range(len(entry.secrets)))
        what = entry.format or ("dcsa-2.2" if entry.scheme == "dcsa" else "cloudevents")
        found[entry.name] = Sender(entry.name, entry.source, entry.scheme, what, entry.tenant, keys)
    return found


def _key(entry: _Entry, number: int) -> bytes:
    secret = entry.secrets[number]
    where = f"secret {number + 1} of the sender {entry.name}"
    if entry.scheme == "standard-webhooks":
        if not secret.startswith(PREFIX):
            raise ValueError(f"{where} does not begin with {PREFIX}")
        secret = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{where} is not base64") from None
    least, most = KEY_BYTES[entry.scheme]
    if not least <= len(key) <= most:
        raise ValueError(f"{where} has not {least} to {most} bytes")
    return key
