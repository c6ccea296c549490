"""A small DNS server on a real socket, whose names answer as a test says, and which counts what it is asked."""

import asyncio
import struct
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, Self

A, CNAME, AAAA = 1, 5, 28
HANG = "hang"
"""In place of an answer: there is none."""


@dataclass
class Names:
    """Answers of each name, in turn; the last one stays. An answer is of addresses, or of one other name."""

    answers: dict[str, list[tuple[str, ...] | str]] = field(default_factory=dict)
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    ttl_s: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Server(self), ("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def say(self, name: str, *answers: tuple[str, ...] | str) -> str:
        """Let a name answer so from now on."""
        self.answers[name] = list(answers)
        return name

    def most_asked(self, name: str) -> int:
        """Return how often one kind of question about a name came."""
        return max((count for (asked, _), count in self.asked.items() if asked == name), default=0)

    def answer(self, name: str, kind: int) -> list[tuple[str, int, bytes]] | None:
        """Return the records of a name: whose, of which type, and what; None leaves the question without answer."""
        self.asked[name, kind] += 1
        script = self.answers.get(name, [()])
        # Both kinds of a question are one turn.
        turn = min(self.asked[name, kind], len(script)) - 1
        said = script[turn]
        if said == HANG:
            return None
        if isinstance(said, str):
            following = self.answer(said, kind)
            return None if following is None else [(name, CNAME, _name(said)), *following]
        addresses = [ip_address(each) for each in said]
        return [(name, kind, each.packed) for each in addresses if (kind == AAAA) is isinstance(each, IPv6Address)]


def _name(of: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in of.split(".")) + b"\0"


class _Server(asyncio.DatagramProtocol):
    def __init__(self, names: Names) -> None:
        self.names = names

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(b"\0", 12)
        labels, at = [], 12
        while at < end:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        name, (kind,) = ".".join(labels).lower(), struct.unpack_from("!H", data, end + 1)
        found = self.names.answer(name, kind)
        if found is None:
            return
        records = b"".join(
            _name(owner) + struct.pack("!HHIH", of, 1, self.names.ttl_s, len(value)) + value
            for owner, of, value in found
        )
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        self.transport.sendto(head + data[12 : end + 5] + records, addr)
