"""Splits a stream of bytes into its lines; holds no more than one line, however the bytes arrive."""

from collections.abc import Iterator
from typing import NamedTuple

from services.ingest.domain.faults import Fault, too_large

_BLANKS = b" \t\r"


class Line(NamedTuple):
    """One line of NDJSON that is not blank, counted from 1 with the blank ones; or why it was not kept."""

    number: int
    content: bytes | Fault


class Lines:
    """Takes the stream chunk by chunk. A line over `limit` bytes is thrown away and named."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0
        self._rest = b""
        self._is_over = False

    @property
    def next_number(self) -> int:
        """The number of the line that is not whole yet."""
        return self._number + 1

    @property
    def held(self) -> int:
        """How many bytes of that line are here."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Return the lines that are whole with this chunk."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest
        for text in whole:
            yield from self._line(text)
        if len(self._rest) > self._limit:
            self._rest, self._is_over = b"", True

    def finish(self) -> Iterator[Line]:
        """Return the last line, when no line end follows it."""
        if self._rest or self._is_over:
            text, self._rest = self._rest, b""
            yield from self._line(text)

    def _line(self, text: bytes) -> Iterator[Line]:
        self._number += 1
        is_over, self._is_over = self._is_over, False
        if is_over or len(text) > self._limit:
            yield Line(self._number, too_large(f"a line has at most {self._limit} bytes"))
        elif content := text.strip(_BLANKS):
            yield Line(self._number, content)
