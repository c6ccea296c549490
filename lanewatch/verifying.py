"""Checks an export of evidence offline, line by line in bounded memory, and says in words what is wrong with it.

It shares no code with the service that wrote the export: `docs/alerts/evidence.md` is all that it is made from.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Json = dict[str, Any]

GENESIS = "00" * 32
PREFIX = b"lanewatch evidence checkpoint\n"
MOST_FAULTS = 20
LONGEST_LINE = 8 * 1024 * 1024
"""Bytes. A message has one MiB at most, and twice as many where all of it is escaped."""
LONGEST_SAID = 400
"""Characters of a fault that are told."""
_WHOLE_END = 2**63

_TEXT, _WHOLE = (str,), (int,)
_PERHAPS_TEXT, _PERHAPS_WHOLE = (str, type(None)), (int, type(None))
LINK: dict[str, tuple[type, ...]] = {
    "attempt": _WHOLE,
    "body_sha256": _TEXT,
    "delivery_id": _TEXT,
    "duration_us": _WHOLE,
    "error": _PERHAPS_TEXT,
    "excerpt_sha256": _PERHAPS_TEXT,
    "link": _WHOLE,
    "started_at": _TEXT,
    "status": _PERHAPS_WHOLE,
    "subscription_id": _TEXT,
    "url": _TEXT,
    "v": _WHOLE,
}
"""What a link's hash covers."""
CHECKPOINT: dict[str, tuple[type, ...]] = {
    "at": _TEXT,
    "closing": (bool,),
    "hash": _TEXT,
    "links": _WHOLE,
    "subscription_id": _TEXT,
    "v": _WHOLE,
}
"""What a checkpoint's signature covers."""
FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "chain": {
        "after": _WHOLE,
        "exported_at": _TEXT,
        "links": _WHOLE,
        "previous": _TEXT,
        "subscription_id": _TEXT,
        "v": _WHOLE,
    },
    "attempt": LINK | {"body": _PERHAPS_TEXT, "hash": _TEXT, "response_excerpt": _PERHAPS_TEXT},
    "checkpoint": CHECKPOINT | {"key": (dict,), "signature": _TEXT},
}
_OPTIONAL = {"body"}


@dataclass(frozen=True)
class Earlier:
    """How far the chain had come when it was exported before."""

    subscription_id: str
    links: int
    hash: str


@dataclass
class Report:
    """What was found."""

    subscription_id: str = ""
    after: int = 0
    links: int = 0
    hash: str = ""
    exported_at: str = ""
    attempts: int = 0
    bodies: int = 0
    checkpoints: int = 0
    key_ids: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class _Fault(Exception):
    """What is wrong with a line."""


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Return the lines of a file; of one that is too long only the beginning, by which it is known as such."""
    while line := file.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE + 1)


def verify(lines: Iterable[bytes], keys: Mapping[str, bytes] | None = None, earlier: Earlier | None = None) -> Report:
    """Return what an export shows; with `keys`, public keys by their id, only what they signed counts."""
    checking = _Checking(keys, earlier)
    number = 0
    for number, line in enumerate(lines, start=1):
        checking.line(number, line)
        if len(checking.report.faults) >= MOST_FAULTS:
            checking.report.faults.append("and more")
            return checking.report
    checking.end(number)
    return checking.report


class _Checking:
    def __init__(self, keys: Mapping[str, bytes] | None, earlier: Earlier | None) -> None:
        self.keys = keys
        self.earlier = earlier
        self.report = Report()
        self.header: Json = {}
        self.link = 0
        self.hash = GENESIS
        self.is_closed = False

    def line(self, number: int, line: bytes) -> None:
        try:
            self._take(number, _read(line))
        except _Fault as fault:
            self.report.faults.append(f"line {number}: {_plain(str(fault))}")
        except UnicodeEncodeError:
            self.report.faults.append(f"line {number}: a text in it cannot be written in UTF-8")
        if number == 1:
            self._meet_earlier()

    def _take(self, number: int, said: Json) -> None:
        if self.is_closed:
            raise _Fault("it comes after the closing checkpoint")
        if (number == 1) != (said["type"] == "chain"):
            raise _Fault("the first line, and no other, must be of the type chain")
        {"chain": self._chain, "attempt": self._attempt, "checkpoint": self._checkpoint}[said["type"]](said)

    def _chain(self, said: Json) -> None:
        self.header = said
        if not said["subscription_id"].isprintable() or not said["exported_at"].isprintable():
            raise _Fault("subscription_id or exported_at is not what it must be")
        self.link, self.hash = said["after"], said["previous"]
        found = self.report
        found.subscription_id, found.after, found.exported_at = (
            said["subscription_id"],
            said["after"],
            said["exported_at"],
        )
        if self.link == 0 and self.hash != GENESIS:
            raise _Fault("a chain from its beginning follows no link, and the hash before it must be zeros")

    def _attempt(self, said: Json) -> None:
        self._same_subscription(said)
        expected, self.link = self.link + 1, said["link"]
        previous, self.hash = self.hash, said["hash"]
        self.report.attempts += 1
        if self.link > expected:
            raise _Fault(f"{_links(expected, self.link - 1)} missing before link {self.link}")
        if self.link < expected:
            raise _Fault(f"link {self.link} stands where link {expected} must")
        if _sha256(bytes.fromhex(previous) + _canonical(said, LINK)) != self.hash:
            raise _Fault(f"link {self.link} does not give its hash after the one before: what it says was changed")
        self._texts(said)
        self._meet_earlier()

    def _texts(self, said: Json) -> None:
        excerpt, body = said["response_excerpt"], said.get("body")
        if said["excerpt_sha256"] != (None if excerpt is None else _sha256(excerpt.encode())):
            raise _Fault(f"the answer's beginning at link {self.link} was changed")
        if body is not None:
            self.report.bodies += 1
            if said["body_sha256"] != _sha256(body.encode()):
                raise _Fault(f"the body at link {self.link} was changed")

    def _checkpoint(self, said: Json) -> None:
        self._same_subscription(said)
        self.is_closed = said["closing"]
        if said["links"] > self.link:
            raise _Fault(
                f"{_links(self.link + 1, said['links'])} missing before the checkpoint of link {said['links']}"
            )
        if said["links"] < self.link:
            raise _Fault(f"the checkpoint of link {said['links']} stands after link {self.link}")
        if said["hash"] != self.hash:
            raise _Fault(f"the checkpoint of link {self.link} has another hash than the chain")
        self._signature(said)
        self.report.checkpoints += 1
        if self.is_closed and (said["links"], said["at"]) != (self.header.get("links"), self.header.get("exported_at")):
            raise _Fault("the first line says other links or another time than the closing checkpoint")

    def _signature(self, said: Json) -> None:
        kid, public = _key(said["key"])
        if self.keys is not None and self.keys.get(kid) != public:
            raise _Fault(f"the checkpoint of link {self.link} is signed by the key {kid}, which is none of those given")
        try:
            signature = _bytes(said["signature"])
            Ed25519PublicKey.from_public_bytes(public).verify(signature, PREFIX + _canonical(said, CHECKPOINT))
        except (InvalidSignature, ValueError):
            raise _Fault(f"the signature of the checkpoint of link {self.link} does not fit") from None
        if kid not in self.report.key_ids:
            self.report.key_ids.append(kid)

    def _same_subscription(self, said: Json) -> None:
        if said["subscription_id"] != self.header.get("subscription_id"):
            raise _Fault(f"it belongs to the subscription {said['subscription_id']}")

    def _meet_earlier(self) -> None:
        if self.earlier is None or self.link < self.earlier.links:
            return
        if self.header.get("subscription_id") != self.earlier.subscription_id:
            self.report.faults.append("the earlier export is of another subscription")
        elif self.link > self.earlier.links:
            self.report.faults.append(
                f"it begins after link {self.link}, the earlier export ends at {self.earlier.links}"
            )
        elif self.hash != self.earlier.hash:
            self.report.faults.append(f"link {self.link} is another than in the earlier export: the past was changed")
        self.earlier = None

    def end(self, lines: int) -> None:
        found = self.report
        found.links, found.hash = self.link, self.hash
        if not self.is_closed:
            found.faults.append(
                f"it ends at line {lines} without a closing checkpoint: it was cut off, the export broke off, or the "
                "service would not sign it, since the chain does not follow from its last checkpoint"
            )
        if self.earlier is not None:
            found.faults.append(f"the earlier export has {self.earlier.links} links, and this one ends at {self.link}")


def _decode(line: bytes) -> object:
    if len(line) > LONGEST_LINE:
        raise _Fault(f"it is longer than {LONGEST_LINE} bytes")
    try:
        return json.loads(line, object_pairs_hook=_object)
    except ValueError as error:
        raise _Fault(f"it is not JSON: {error}") from None
    except RecursionError:
        raise _Fault("it is nested too deeply") from None


def _read(line: bytes) -> Json:
    said = _decode(line)
    if not isinstance(said, dict) or (fields := FIELDS.get(str(said.get("type")))) is None:
        raise _Fault("it is neither chain nor attempt nor checkpoint")
    for name, types in fields.items():
        if name not in said and name not in _OPTIONAL:
            raise _Fault(f"{name} is missing")
        # In Python true is a number.
        if name in said and (type(said[name]) not in types or _is_beyond(said[name])):
            raise _Fault(f"{name} is not what it must be")
    if unknown := sorted(said.keys() - fields.keys() - {"type"}):
        raise _Fault(f"{', '.join(unknown)} is nothing that the chain vouches for")
    if said["v"] != 1:
        raise _Fault(f"version {said['v']} is not known")
    for name in ("hash", "previous"):
        if name in said and not (len(said[name]) == len(GENESIS) and set(said[name]) <= set("0123456789abcdef")):
            raise _Fault(f"{name} is no hash")
    return dict(said)


def _is_beyond(value: object) -> bool:
    return isinstance(value, int) and not 0 <= value < _WHOLE_END


def _plain(text: str) -> str:
    """Return what a file says so that no terminal takes it for more than words."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:LONGEST_SAID])
    return shown if len(text) <= LONGEST_SAID else f"{shown} …"


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands twice")
    return found


def _canonical(said: Json, fields: Mapping[str, object]) -> bytes:
    """Return JSON as RFC 8785 has it, of fields whose names are ASCII and whose numbers are whole."""
    named = {name: said[name] for name in fields}
    return json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _key(jwk: Json) -> tuple[str, bytes]:
    """Return a key's id, which follows from it (RFC 7638), and its bytes."""
    if jwk.keys() != {"kty", "crv", "x", "kid"} or (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise _Fault("the key is not one of Ed25519 as this format has it")
    try:
        public = base64.urlsafe_b64decode(jwk["x"] + "=")
    except (TypeError, ValueError):
        raise _Fault("the key cannot be read") from None
    if jwk["kid"] != key_id(public) or jwk["x"] != _url_text(public):
        raise _Fault("the key's id is not its own")
    return jwk["kid"], public


def key_id(public: bytes) -> str:
    """Return the id of a public key: its thumbprint."""
    return _url_text(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{_url_text(public)}"}}'.encode()).digest())


def _bytes(text: str) -> bytes:
    """Return what base64 stands for; raises ValueError when that has another form too."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError(text)
    return data


def _url_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _links(first: int, last: int) -> str:
    return f"link {first} is" if first == last else f"links {first} to {last} are"
