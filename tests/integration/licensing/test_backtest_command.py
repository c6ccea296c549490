"""`lanewatch policy backtest`: what it prints, and that it goes on after it was killed or stopped."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from lanewatch.stack import StackConfig
from tests.integration.licensing.conftest import Desk
from tests.support.running import until
from tests.support.trade import MAGNET, declared, rule

LANEWATCH = Path(sys.executable).with_name("lanewatch")
DECISIONS = 6_000
# So heavy that a page takes some tenths of a second: time enough to be stopped between two of them.
RULES = [
    rule("heavy", "line.net_mass_mg > mass('90 kg')", "hold", says="{line.net_mass_mg} is heavy"),
    rule("first", "shipment.id == 'S-00001'", "deny"),
    *(rule(f"r{n}", f"line.lanes.exists(l, has(l.idle_days) && l.idle_days - {n} > 1000)") for n in range(400)),
]


def _hear_ctrl_c() -> None:
    """Undo what a shell does to what it runs in the background: that ctrl-C is not for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Command:
    """The command as a process, with its own state folder."""

    def __init__(self, desk: Desk, config: StackConfig, folder: Path) -> None:
        url = make_url(desk.engine.url)
        self.config = replace(config, state_dir=folder, database=url.database or "")
        self.environment = {
            **os.environ,
            **self.config.environment(),
            "LANEWATCH_DATABASE_URL": url.render_as_string(hide_password=False),
            "COLUMNS": "200",
        }
        self.file = folder / "candidate.json"
        terms = {"version": "v2", "title": "A try", "effective_from": "2025-01-01T00:00:00Z", "rules": RULES}
        self.file.write_text(json.dumps(terms))

    async def start(self, *options: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        arguments = ("policy", "backtest", str(self.file), *options)
        return await asyncio.create_subprocess_exec(
            LANEWATCH, *arguments, env=self.environment, stdout=pipe, stderr=pipe, preexec_fn=_hear_ctrl_c
        )

    async def run(self, *options: str) -> tuple[int, str, str]:
        process = await self.start(*options)
        out, err = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, out.decode(), err.decode()

    def state(self) -> dict[str, Any]:
        found = list((self.config.state_dir / "backtests").glob("*/state.json"))
        return json.loads(found[0].read_text()) if found else {"done": 0}

    def is_in_the_middle(self) -> bool:
        return bool(0 < self.state()["done"] < DECISIONS)

    def results(self) -> tuple[dict[str, Any], bytes]:
        (changes,) = (self.config.state_dir / "backtests").glob("*/changes.ndjson")
        return self.state()["tally"], changes.read_bytes()


def children_of(process: asyncio.subprocess.Process) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


async def filled(desk: Desk) -> None:
    bodies = [declared(f"S-{n:05d}", commodity=MAGNET, kg=str(n % 100 + 1)) for n in range(1, DECISIONS + 1)]
    for start in range(0, DECISIONS, 2000):
        await desk.feed(*bodies[start : start + 2000])


async def test_a_backtest_that_is_killed_goes_on_and_ends_as_if_nothing_had_happened(
    desk: Desk, fresh_config: StackConfig, tmp_path: Path
) -> None:
    await filled(desk)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = Command(desk, fresh_config, tmp_path / "whole")
    code, out, _ = await whole.run()
    assert code == 0
    assert f"{DECISIONS:,} of {DECISIONS:,} decisions, 601 would change" in out
    assert "601 of 6,000 decisions would be others under v2 (1 permitted > denied, 600 permitted > held)." in out
    assert "heavy: S-00090#1 permitted > held: 91 kg is heavy" in out

    parts = Command(desk, fresh_config, tmp_path / "parts")
    process = await parts.start()
    await until(parts.is_in_the_middle, "a page of several", 60)
    workers = children_of(process)
    process.kill()
    await process.communicate()
    assert workers

    def are_gone() -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in workers)

    await until(are_gone, "the end of the workers")
    done = parts.state()["done"]
    assert 0 < done < DECISIONS

    process = await parts.start()
    await until(lambda: done < parts.state()["done"] < DECISIONS, "another page", 60)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"The same command goes on from there." in err
    assert done < parts.state()["done"] < DECISIONS

    code, out, _ = await parts.run("--json")
    assert code == 0
    assert parts.results() == whole.results()
    told = json.loads(out)
    assert (told["asked"], told["changed"], told["by_rule"]["heavy"]["stricter"]) == (DECISIONS, 601, 600)


@pytest.mark.parametrize(
    "rules, says",
    [
        ([rule("bad", "shipment.mass > 1")], "/rules/0/when: line 1, column 10: shipment has no fact mass"),
        ([{"id": "bad"}], "/rules/0"),
    ],
)
async def test_a_rulebook_at_fault_is_told_with_the_place(
    desk: Desk, fresh_config: StackConfig, tmp_path: Path, rules: list[Any], says: str
) -> None:
    command = Command(desk, fresh_config, tmp_path)
    terms = json.loads(command.file.read_text())
    command.file.write_text(json.dumps({**terms, "rules": rules}))
    code, _, err = await command.run()
    assert code == 1
    assert f"{command.file}" in err
    assert says in err
