"""Splits a stream of bytes into its lines; holds no more than one line, however the bytes arrive."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.ingest.domain.faults import Fault, too_large

BLANKS = b" \t\r"


class Block(NamedTuple):
    """Lines that follow each other, blank ones and all, as they came; in place of one too long, why it was not kept."""

    first: int
    """The number of the first; lines are counted from 1."""
    lines: Sequence[bytes | Fault]
    sizes: Sequence[int]
    """How many bytes each took, with its end."""

    def parts(self, most_bytes: int, line_bytes: int) -> Iterator["Block"]:
        """Part the block into some of so many bytes at most, or of one line, when a line takes so many of its own."""
        longest = max((len(line) for line in self.lines if isinstance(line, bytes)), default=0)
        count = max(1, most_bytes // (longest + line_bytes))
        for start in range(0, len(self.lines), count):
            yield Block(self.first + start, self.lines[start : start + count], self.sizes[start : start + count])


class Lines:
    """Takes the stream chunk by chunk. A line over `limit` bytes is thrown away and named.

    One that goes on begins after so many lines, with the `rest` that is here of the next, or how much of it was
    `thrown` away.
    """

    def __init__(self, limit: int, number: int = 0, rest: bytes = b"", thrown: int = 0) -> None:
        self._limit = limit
        self._number = number
        self._rest = rest
        self._thrown = thrown

    @property
    def next_number(self) -> int:
        """The number of the line that is not whole yet."""
        return self._number + 1

    @property
    def held(self) -> int:
        """How many bytes of that line are here."""
        return len(self._rest)

    @property
    def begun(self) -> tuple[bytes, int]:
        """What is here of that line, and how many bytes of it were thrown away."""
        return self._rest, self._thrown

    def feed(self, chunk: bytes) -> Block:
        """Return the lines that are whole with this chunk."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest
        block = self._block(whole, 1)
        if len(self._rest) > self._limit:
            self._thrown, self._rest = self._thrown + len(self._rest), b""
        return block

    def finish(self) -> Block:
        """Return the last line, when no line end follows it."""
        whole = [self._rest] if self._rest or self._thrown else []
        self._rest = b""
        return self._block(whole, 0)

    def _block(self, whole: list[bytes], end: int) -> Block:
        first = self.next_number
        self._number += len(whole)
        sizes = [len(line) + end for line in whole]
        if not whole or (not self._thrown and max(sizes) - end <= self._limit):
            return Block(first, whole, sizes)
        over = too_large(f"a line has at most {self._limit} bytes")
        kept: list[bytes | Fault] = [line if len(line) <= self._limit else over for line in whole]
        if self._thrown:  # Its beginning is gone.
            kept[0], sizes[0], self._thrown = over, sizes[0] + self._thrown, 0
        return Block(first, kept, sizes)
