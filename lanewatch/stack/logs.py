"""Prints the logs of the parts."""

import sys
import time
from collections import deque
from pathlib import Path

from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError

POLL_S = 0.2


def print_log(config: StackConfig, name: str, lines: int, *, is_followed: bool) -> None:
    """Print the last lines of a part's log; when followed, go on until interrupted."""
    path = config.log_dir / f"{name}.log"
    if not path.is_file():
        there = sorted(found.stem for found in config.log_dir.glob("*.log"))
        raise StackError(f"There is no log of {name!r}; there is {', '.join(there) or 'none at all yet'}.")
    with path.open(errors="replace") as file:
        sys.stdout.writelines(deque(file, lines))
        position = file.tell()
    if is_followed:
        _follow(path, position)


def _follow(path: Path, position: int) -> None:
    with path.open(errors="replace") as file:
        file.seek(position)
        try:
            while True:
                sys.stdout.write(file.read())
                sys.stdout.flush()
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            return
