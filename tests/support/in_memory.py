"""Where the tests' stacks keep their data: in memory where there is room, since what they write outlives no test."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder that Linux keeps in memory
ROOM_BYTES = 4_000_000_000
"""What a session writes stays below half of this."""


def room_in_memory() -> Path | None:
    """Return a folder in memory in which programs may run, if there is one with enough room."""
    try:
        is_runnable = not os.statvfs(SHARED_MEMORY).f_flag & os.ST_NOEXEC
        free = min(shutil.disk_usage(SHARED_MEMORY).free, psutil.virtual_memory().available)
    except OSError:
        return None
    return SHARED_MEMORY if is_runnable and os.access(SHARED_MEMORY, os.W_OK) and free >= ROOM_BYTES else None


def keep_files_in_memory() -> None:
    """Let temporary folders be made in memory, here and in the programs that tests start; TMPDIR has precedence."""
    if "TMPDIR" not in os.environ and (folder := room_in_memory()):
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # asked for before, it would be remembered
