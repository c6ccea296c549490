"""Answers that wait to be read: in memory while they are short, else on disk; counted, for the disk is everybody's."""

import tempfile
from collections.abc import Iterator
from typing import IO

IN_MEMORY_BYTES = 32 * 1024
"""Longer ones wait on disk: a client may send all before it reads anything."""
PIECE_BYTES = 64 * 1024


class Spool:
    """How many bytes of answers wait in this process, and may."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be asked until some of it was read."""
        return self.size > self.max_bytes


class Spooled:
    """One answer; it is counted until it is closed, or nobody has it any more."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.size = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`

    def write(self, content: bytes) -> None:
        """Add to it. Raises OSError."""
        self._file.write(content)
        self.size += len(content)
        self.spool.size += len(content)

    def pieces(self) -> Iterator[bytes]:
        """Yield it piece by piece, and forget it."""
        try:
            self._file.seek(0)
            while piece := self._file.read(PIECE_BYTES):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Forget it."""
        if not self._file.closed:
            self._file.close()
            self.spool.size -= self.size

    def __del__(self) -> None:
        """Forget what was never read: its client is gone."""
        self.close()
