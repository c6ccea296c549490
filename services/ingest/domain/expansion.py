"""Expands compressed bodies piece by piece, and stops at one that expands to more than it may.

Content codings: gzip (RFC 1952) and zstd (RFC 8878, windows up to the 8 MB of RFC 9659).
"""

import zlib
from collections.abc import Iterator

from backports import zstd

from services.ingest.domain.faults import Fault, Flaw, bad_header, too_large

PIECE_BYTES = 256 * 1024
FREE_BYTES = 1024 * 1024
"""So much may come out whatever went in; only beyond it the ratio counts."""
_GZIP_WINDOW = 31
_ZSTD_WINDOW_LOG = 23
HEADER = "content-encoding"
CODINGS = ("gzip", "zstd")


class ExpansionError(Exception):
    """The body cannot be expanded, or must not be."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.title)
        self.fault = fault


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        piece = self._inner.decompress(data, PIECE_BYTES)
        return piece, self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._inner = zstd.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        piece = self._inner.decompress(data, PIECE_BYTES)
        return piece, self._inner.unused_data if self._inner.eof else b""

    @property
    def has_more(self) -> bool:
        return not self._inner.eof and not self._inner.needs_input


class Expander:
    """Expands one body; what comes out is at most `ratio` times what went in."""

    def __init__(self, coding: str, ratio: int) -> None:
        self._make = _Gzip if coding == "gzip" else _Zstd
        self._member: _Gzip | _Zstd | None = None
        self._ratio = ratio
        self._went_in = 0
        self._came_out = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Return what the chunk expands to, in pieces of bounded size. Raises ExpansionError."""
        self._went_in += len(chunk)
        data = chunk
        try:
            while data or (isinstance(self._member, _Zstd) and self._member.has_more):
                self._member = self._member or self._make()
                piece, data = self._member.take(data)
                self._came_out += len(piece)
                self._check()
                if self._member.eof:
                    self._member = None
                if piece:
                    yield piece
        except (zlib.error, zstd.ZstdError) as error:
            raise ExpansionError(_broken(str(error))) from error

    def finish(self) -> None:
        """Raise ExpansionError when the body ends before its compressed data do."""
        if self._member or not self._went_in:
            raise ExpansionError(_broken("the compressed data end too early"))

    def _check(self) -> None:
        if self._came_out > max(FREE_BYTES, self._ratio * self._went_in):
            raise ExpansionError(too_large(f"the body expands to more than {self._ratio} times its size"))


def expander_of(encodings: list[str], ratio: int) -> Expander | Fault | None:
    """Return what expands a body of these content codings; None when there is nothing to expand."""
    names = [name.strip().lower() for value in encodings for name in value.split(",")]
    match [name for name in names if name not in {"", "identity"}]:
        case []:
            return None
        case [one] if one in CODINGS:
            return Expander(one, ratio)
        case _:
            detail = f"send {' or '.join(CODINGS)}, one of them, or none"
            flaw = Flaw(header=HEADER, detail=detail)
            return Fault(title="The content encoding is not taken", status=415, detail=detail, errors=(flaw,))


def _broken(detail: str) -> Fault:
    return bad_header(HEADER, f"the body is not what it says: {detail}")
