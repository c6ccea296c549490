"""The chain over what was sent: each attempt is a link whose hash covers the one before it.

`docs/alerts/evidence.md` says the same in words, for whoever writes a verifier of his own.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

Fact: TypeAlias = Any
"""An attempt as it is recorded or read back: an outcome, or a row with columns of the same names."""

VERSION = 1
GENESIS = bytes(32)
"""Stands for the hash before the first link."""
CHECKPOINT_PREFIX = b"lanewatch evidence checkpoint\n"
"""Before what a checkpoint's signature covers, so that it can be taken for nothing else that the key signs."""


class Link(msgspec.Struct, frozen=True):
    """What a link says. Its canonical form is JSON by RFC 8785: the fields stand in that order here."""

    attempt: int
    body_sha256: str
    delivery_id: str
    duration_us: int
    error: str | None
    excerpt_sha256: str | None
    link: int
    started_at: str
    status: int | None
    subscription_id: str
    url: str
    v: int = VERSION


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a chain had come at a time; its canonical form is as a link's."""

    at: str
    closing: bool
    hash: str
    links: int
    subscription_id: str
    v: int = VERSION


def link_of(fact: Fact, link: int) -> Link:
    """Return an attempt as the link of this number, from 1."""
    excerpt = fact.response_excerpt
    return Link(
        attempt=fact.number,
        body_sha256=fact.body_sha256.hex(),
        delivery_id=str(fact.delivery_id),
        duration_us=round(fact.duration_ms * 1000),
        error=fact.error,
        excerpt_sha256=None if excerpt is None else hashlib.sha256(excerpt.encode()).hexdigest(),
        link=link,
        started_at=moment(fact.started_at),
        status=fact.status,
        subscription_id=str(fact.subscription_id),
        url=fact.url,
    )


def moment(at: datetime) -> str:
    """Return a time as it stands in the chain: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(said: Link | Checkpoint) -> bytes:
    """Return the bytes that are hashed or signed."""
    return msgspec.json.encode(said)


_NUMBER = b'"link":'


def around_number(link: Link) -> tuple[bytes, bytes]:
    """Return what stands before and after the number in a link's canonical form, so that it can be given later."""
    # A quotation mark within a value has a backslash before it, so that no value holds this.
    before, _, rest = canonical(link).partition(_NUMBER)
    return before + _NUMBER, rest[len(str(link.link)) :]


def hash_of(previous: bytes, link: Link) -> bytes:
    """Return the hash of a link, given the one before."""
    return hashlib.sha256(previous + canonical(link)).digest()


def signed(checkpoint: Checkpoint) -> bytes:
    """Return what a checkpoint's signature covers."""
    return CHECKPOINT_PREFIX + canonical(checkpoint)


class Walked(NamedTuple):
    """How far a chain was followed, and why it goes no further, if it does not."""

    links: int
    hash: bytes
    fault: str | None = None


def walk(begin: Walked, facts: Iterable[Fact], head: Walked, *, is_all: bool) -> Walked:
    """Follow a chain from a link on that is known, by what its next links say; `is_all`: there are no more of them.

    A link's hash must be the one that follows from its fields, and the last one's that of the chain's head.
    """
    links, last = begin.links, begin.hash
    for fact in facts:
        if fact.link != links + 1:
            return Walked(links, last, f"link {links + 1} is missing before link {fact.link}")
        if (follows := hash_of(last, link_of(fact, fact.link))) != fact.hash:
            return Walked(links, last, f"link {fact.link} does not give its hash after the one before")
        links, last = fact.link, follows
    if is_all and links < head.links:
        return Walked(links, last, f"link {links + 1} is missing before the end of the chain at {head.links}")
    if links == head.links and last != head.hash:
        return Walked(links, last, f"link {links} has another hash than the end of the chain")
    return Walked(links, last)
