"""Keeps the senders of a file, which may change while the ingest runs: a secret is changed without a restart."""

import asyncio
import time
from pathlib import Path

import structlog

from services.ingest.domain.senders import Sender, read_senders

log = structlog.get_logger(__name__)

FRESH_S = 5.0


class Senders:
    """Senders by name; the last good ones stay while the file cannot be read."""

    def __init__(self, path: Path | None) -> None:
        """Raise ValueError or OSError when the file cannot be read; without one nobody is known."""
        self._path = path
        self._senders = read_senders(path.read_bytes()) if path else {}
        self._asked_at = time.monotonic()

    async def find(self, name: str) -> Sender | None:
        """Return the sender of this name."""
        if self._path and time.monotonic() - self._asked_at > FRESH_S:
            self._asked_at = time.monotonic()
            try:
                self._senders = read_senders(await asyncio.to_thread(self._path.read_bytes))
            except (OSError, ValueError) as error:
                log.warning("the senders cannot be read; the last ones stay", reason=str(error))
        return self._senders.get(name)
