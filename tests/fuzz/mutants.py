"""Bodies that were good before something happened to them; the same seed makes the same ones."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from shared.events import TRADE_TYPES
from shared.examples import trade_event

NASTY: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**63,
        2**64,
        -(2**63) - 1,
        1e308,
        0.1,
        "",
        " ",
        "\x00",
        "\ud800",
        "é",
        "𝄞",
        "x" * 5000,
    ),
    *([], {}, [[]], [None], {"": ""}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2025-02-30T00:00:00Z"),
    *("NaN", "Infinity", "-0", "1e400", "0x10", "null", "../../etc/passwd", "'; DROP TABLE event; --", "%00", "\u202e"),
)
PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-",
    b"\n",
)
KINDS = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
    "application/x-ndjson",
    "text/plain",
)


def mutants(seed: int) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield headers and bodies without end."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    events = [trade_event(kind) for kind in TRADE_TYPES]
    while True:
        yield _mutant(chance, json.loads(json.dumps(chance.choice(events))))


def _mutant(chance: random.Random, event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    event["id"] = f"fuzz-{chance.randrange(10**6)}"
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        _spoil(chance, event)
    kind = chance.choice(KINDS)
    headers = {"content-type": kind}
    if kind == "application/json":
        headers |= {f"ce-{name}": str(event.pop(name, "")) for name in ("specversion", "id", "source", "type", "time")}
        headers = {name: "".join(c for c in value if " " <= c <= "~") for name, value in headers.items()}
        body = json.dumps(event.get("data")).encode()
    elif kind == "application/cloudevents-batch+json":
        body = json.dumps([event] * chance.choice((0, 1, 2, 5))).encode()
    else:
        body = json.dumps(event).encode()
    if kind == "application/x-ndjson":
        body = b"\n".join([body] * chance.choice((1, 2, 5)))
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        body = chance.choice(BYTES)(chance, body)
    if chance.random() < 0.1:
        headers["content-encoding"] = chance.choice(("gzip", "zstd", "br"))
        body = gzip.compress(body) if chance.random() < 0.7 else body
    return headers, body


def _spoil(chance: random.Random, event: dict[str, Any]) -> None:
    """Change one place somewhere in the tree."""
    holder: Any = event
    while True:
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        below = holder[key]
        if isinstance(below, dict | list) and below and chance.random() < 0.8:
            holder = below
            continue
        match chance.randrange(5):
            case 0:
                holder[key] = deepcopy(chance.choice(NASTY))
            case 1:
                del holder[key]
            case 2 if isinstance(holder, dict):
                holder[f"{key}{chance.choice(('x', '', ' ', 'é'))}"] = below
            case 3:
                holder[key] = [below] * chance.choice((2, 300))
            case _:
                deep: Any = below
                for _ in range(chance.choice((2, 40, 2000 if chance.random() < 0.02 else 3))):
                    deep = [deep] if chance.random() < 0.5 else {"a": deep}
                holder[key] = json.loads(json.dumps(deep)) if _depth_is_fit(deep) else "deep"
        return


def _depth_is_fit(value: Any) -> bool:
    depth = 0
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
        depth += 1
    return depth < 500


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _flip(chance: random.Random, body: bytes) -> bytes:
    if not body:
        return body
    place = chance.randrange(len(body))
    return body[:place] + bytes([body[place] ^ (1 << chance.randrange(8))]) + body[place + 1 :]


def _insert(chance: random.Random, body: bytes) -> bytes:
    place = chance.randrange(len(body) + 1)
    return body[:place] + chance.choice(PIECES) * chance.choice((1, 1, 2, 5000)) + body[place:]


def _double(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    piece = body[start : start + chance.randrange(1, 60)]
    return body[:start] + piece * chance.choice((2, 3, 100)) + body[start:]


BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (_cut, _flip, _insert, _double)
