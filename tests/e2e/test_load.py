"""`lanewatch load`: regimes from files, posted to the running stack."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from lanewatch.stack import Stack
from tests.support.plain import PLAIN
from tests.support.regimes import FOLDER

PATIENCE_S = 30


def load(stack: Stack, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lanewatch.cli", "load", *map(str, files)],
        env=stack.config.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def regimes(stack: Stack) -> set[str]:
    found = httpx.get(f"{stack.config.url_of('licensing')}/v1/regimes", verify=PLAIN).raise_for_status().json()
    return {one["regime_id"] for one in found["items"]}


async def test_a_regime_is_loaded_from_its_file_and_may_be_loaded_again(stack: Stack) -> None:
    for _ in range(2):
        done = load(stack, FOLDER / "eu-dual-use.json")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "European Union: export of dual-use goods, from Germany: 2 events accepted",
            "  regime:EU-2021-821-DE: 1",
            "  regime:EU-2021-821-EU001-DE: 1",
        ]
    deadline = time.monotonic() + PATIENCE_S
    while not {"EU-2021-821-DE", "EU-2021-821-EU001-DE"} <= regimes(stack):
        assert time.monotonic() < deadline, "licensing did not take the regimes"


async def test_a_file_with_a_fault_is_named_and_nothing_is_posted(stack: Stack, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes((FOLDER / "uk-licence-usage.json").read_bytes().replace(b"regime_id", b"regime"))
    done = load(stack, FOLDER / "us-licence-decrement.json", bad)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lanewatch: {bad}, /events/0/data")
    assert not done.stdout
    assert "US-EAR" not in regimes(stack)
