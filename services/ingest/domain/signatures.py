"""Whether a body was signed by who says so: HMAC-SHA256 as DCSA's callbacks and Standard Webhooks have it.

Sources: `Notification-Signature` of DCSA Track & Trace 2.2 (the whole body, `sha256=` and hexadecimal digits); Standard
Webhooks 1.0.0 (id, seconds since the epoch and body, joined by full stops; `v1,` and base64, several apart by blanks).
What is wrong with a request's headers is told without a look at who is known, so it says nothing of that.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from services.ingest.domain.attributes import Headers
from services.ingest.domain.faults import Fault, Flaw

Scheme = Literal["dcsa", "standard-webhooks"]

NOTIFICATION = "notification-signature"
WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_S = 300
"""How far a sender's clock may be off, or a delivery be late; Standard Webhooks' libraries have the same."""
MOST = 8
"""Signatures of one request that are looked at; senders that change their secret send two."""
MAX_ID = 256
DIGEST_BYTES = 32
TITLE = "The signature is not accepted"
_NOTIFICATION = re.compile(r"\s*(?i:sha256)=([0-9a-fA-F]{64})\s*", re.ASCII)
_VERSION = "v1,"


class Claim(NamedTuple):
    """What a request says of its signature: what was signed before the body, and digests of which one must hold."""

    scheme: Scheme
    header: str
    before: bytes
    digests: tuple[bytes, ...]


def claim_of(headers: Headers, now: float) -> Claim | Fault:
    """Return the claim of a request, or what is wrong with its headers; `now` is in seconds since the epoch."""
    found: dict[str, list[str]] = {
        name: [] for name in (NOTIFICATION, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE)
    }
    for name, value in headers:
        if (known := name.decode("latin-1")) in found:
            found[known].append(value.decode("latin-1"))
    if not found[NOTIFICATION] and not found[WEBHOOK_SIGNATURE]:
        return refusal(Flaw(header=NOTIFICATION, detail="missing"), Flaw(header=WEBHOOK_SIGNATURE, detail="missing"))
    if found[NOTIFICATION] and found[WEBHOOK_SIGNATURE]:
        return refusal(Flaw(header=NOTIFICATION, detail=f"stands beside {WEBHOOK_SIGNATURE}"))
    for header, values in found.items():
        if len(values) > 1:
            return refusal(Flaw(header=header, detail="stands twice"))
    said = {name: values[0] for name, values in found.items() if values}
    return _notification(said) if NOTIFICATION in said else _webhook(said, now)


def holds(claim: Claim, keys: Sequence[bytes], body: bytes) -> bool:
    """Return whether one of the keys made one of the digests; takes as long whichever it is."""
    signed = claim.before + body
    own = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return sum(hmac.compare_digest(ours, theirs) for ours in own for theirs in claim.digests) > 0


def refusal(*flaws: Flaw) -> Fault:
    """Return the fault of a request that is not signed as it must be."""
    return Fault(title=TITLE, status=401, errors=flaws)


def not_signed_so(claim: Claim) -> Fault:
    """Return the fault of a signature that does not hold; the same whether or not the sender is known."""
    return refusal(Flaw(header=claim.header, detail="not made of this very body with a secret of this sender"))


def _notification(said: dict[str, str]) -> Claim | Fault:
    found = _NOTIFICATION.fullmatch(said[NOTIFICATION])
    if not found:
        return refusal(Flaw(header=NOTIFICATION, detail="not `sha256=` and 64 hexadecimal digits"))
    return Claim("dcsa", NOTIFICATION, b"", (bytes.fromhex(found[1]),))


def _webhook(said: dict[str, str], now: float) -> Claim | Fault:
    for name in (WEBHOOK_ID, WEBHOOK_TIMESTAMP):
        if not said.get(name):
            return refusal(Flaw(header=name, detail="missing"))
    message_id, timestamp = said[WEBHOOK_ID], said[WEBHOOK_TIMESTAMP]
    if len(message_id) > MAX_ID:
        return refusal(Flaw(header=WEBHOOK_ID, detail=f"more than {MAX_ID} characters"))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len("9999999999")):
        return refusal(Flaw(header=WEBHOOK_TIMESTAMP, detail="not seconds since the epoch"))
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return refusal(Flaw(header=WEBHOOK_TIMESTAMP, detail=f"more than {TOLERANCE_S} s from the time here"))
    digests = tuple(filter(None, map(_digest, said[WEBHOOK_SIGNATURE].split()[:MOST])))
    if not digests:
        return refusal(Flaw(header=WEBHOOK_SIGNATURE, detail="none is `v1,` and 32 bytes in base64"))
    before = f"{message_id}.{timestamp}.".encode("latin-1")
    return Claim("standard-webhooks", WEBHOOK_SIGNATURE, before, digests)


def _digest(text: str) -> bytes | None:
    if not text.startswith(_VERSION):
        return None
    try:
        found = base64.b64decode(text.removeprefix(_VERSION), validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == DIGEST_BYTES else None
