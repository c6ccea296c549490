"""Runs the real `lanewatch demo` on its own ports and folder, scaled down, and reads what it says."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lanewatch.stack import StackConfig

LANEWATCH = Path(sys.executable).with_name("lanewatch")
SCALE = "5"


@dataclass(frozen=True)
class Outcome:
    """How one run ended."""

    code: int
    lines: list[str]
    errors: str
    summary: dict[str, Any]
    this_run: dict[str, Any]


def lanewatch(config: StackConfig, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [LANEWATCH, *arguments],
        env={**os.environ, **config.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_demo(config: StackConfig, *options: str, on_line: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run the demo to its end; `on_line` sees each line as it is printed."""
    config.state_dir.mkdir(parents=True, exist_ok=True)
    file = config.state_dir / "summary.json"
    file.unlink(missing_ok=True)
    process = lanewatch(config, "demo", "--scale", SCALE, "--summary", str(file), *options)
    assert process.stdout is not None
    assert process.stderr is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        on_line(lines[-1])
    errors = process.stderr.read()
    code = process.wait(timeout=60)
    written = json.loads(file.read_text()) if file.exists() else {"summary": {}, "this_run": {}}
    return Outcome(code, lines, errors, written["summary"], written["this_run"])


def new_config() -> StackConfig:
    """Return a place for a demo that is cleaned at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lanewatch-demo-"))
    config = StackConfig.for_tests(folder / "state")
    atexit.register(clean, config, folder)
    return config


def clean(config: StackConfig, folder: Path) -> None:
    lanewatch(config, "clean", "--yes").communicate(timeout=60)
    shutil.rmtree(folder, ignore_errors=True)


@cache
def undisturbed() -> tuple[StackConfig, Outcome]:
    """Run the demo once in nobody's way; all tests compare with this run."""
    config = new_config()
    return config, run_demo(config)
