"""`lanewatch policy`: a rulebook is checked, compared, rolled out, listed and heard of, on a whole stack."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from lanewatch.stack import Stack
from tests.support.plain import PLAIN
from tests.support.trade import MAGNET, declared, rule

PATIENCE_S = 60
# The stack is shared: these rules are about this one shipment.
RULES = (
    rule("of-one", "shipment.id == 'POL-1' && line.net_mass_mg > mass('5 kg')", says="{line.net_mass_mg} seen"),
    rule("breaks", "shipment.id == 'POL-1' && 1 / (shipment.times_decided - shipment.times_decided) > 1", "deny"),
)


def run(stack: Stack, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lanewatch.cli", "policy", *map(str, arguments)],
        env={**stack.config.environment(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def file_of(folder: Path, version: str, *rules: dict[str, Any]) -> Path:
    terms = {"version": version, "title": "Of one", "effective_from": "2025-01-01T00:00:00Z", "rules": list(rules)}
    file = folder / f"{version}.json"
    file.write_text(json.dumps(terms))
    return file


def roll_out(stack: Stack, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run(stack, "roll-out", file, "--by", "operator", "--reason", "for a test", *more)


def post(stack: Stack, body: bytes) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    answer = httpx.post(f"{stack.config.url_of('ingest')}/v1/events", content=body, headers=headers, verify=PLAIN)
    assert answer.status_code == 202, answer.text


def shipment(stack: Stack, shipment_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = httpx.get(f"{stack.config.url_of('licensing')}/v1/shipments/{shipment_id}", verify=PLAIN)
        if answer.is_success and answer.json()["decisions"]:
            return answer.json()  # type: ignore[no-any-return]
        assert time.monotonic() < deadline, f"{shipment_id} was not decided"


def metrics(stack: Stack) -> str:
    return httpx.get(f"{stack.config.url_of('licensing')}/metrics", verify=PLAIN).text


async def test_a_rulebook_goes_from_a_file_to_a_decision(stack: Stack, tmp_path: Path) -> None:
    first, second = file_of(tmp_path, "e2e-1", RULES[0]), file_of(tmp_path, "e2e-2", *RULES)
    done = run(stack, "check", first)
    assert (done.returncode, "e2e-1: 1 rule, at most " in done.stdout) == (0, True), done.stderr

    assert "e2e-1 is rolled out." in roll_out(stack, first, "--yes").stdout
    again = roll_out(stack, first, "--yes")
    assert (again.returncode, "e2e-1 is rolled out before; nothing was posted." in again.stdout) == (0, True)
    other = roll_out(stack, file_of(tmp_path, "e2e-1", RULES[1]), "--yes")
    assert other.returncode == 1
    assert "A rulebook e2e-1 was rolled out that is another one" in other.stderr

    done = run(stack, "diff", second)
    assert "e2e-2 against e2e-1: 1 added, 0 removed, 0 changed, 1 unchanged." in done.stdout
    assert json.loads(roll_out(stack, second, "--yes", "--json").stdout)["event"]["status"] == "decided"
    assert "e2e-2" in run(stack, "list").stdout
    assert "of-one (note, warning)" in run(stack, "show", "e2e-2").stdout

    post(stack, declared("POL-1", commodity=MAGNET, kg="7"))
    found = shipment(stack, "POL-1")["decisions"][0]
    assert (found["outcome"], found["rulebook"]) == ("permitted", "e2e-2")
    listed = run(stack, "findings", "--rule", "of-one").stdout
    assert "7 kg seen" in listed
    failed = json.loads(run(stack, "findings", "--failed", "--json").stdout)
    assert ("POL-1#1", "breaks", "rule breaks failed on this shipment: division by zero") in [
        (each["decision_id"], each["rule_id"], each["says"]) for each in failed
    ]
    assert 'lanewatch_licensing_findings_total{result="failed",rule="breaks"}' in metrics(stack)


@pytest.mark.parametrize("command", ["check", "diff", "roll-out", "backtest"])
async def test_a_rule_that_does_not_compile_is_shown_with_a_caret_and_goes_nowhere(
    stack: Stack, tmp_path: Path, command: str
) -> None:
    file = file_of(tmp_path, "e2e-bad", rule("bad", "shipment.id == 'POL-1' &&\n  shipment.mass > 1"))
    done = roll_out(stack, file, "--yes") if command == "roll-out" else run(stack, command, file)
    assert done.returncode == 1
    assert f"{file}, /rules/0/when: line 2, column 12: shipment has no fact mass" in done.stderr
    assert done.stderr.splitlines()[1:3] == ["      shipment.mass > 1", "               ^"]
    assert "e2e-bad" not in run(stack, "list").stdout


async def test_without_a_yes_nothing_is_rolled_out(stack: Stack, tmp_path: Path) -> None:
    done = roll_out(stack, file_of(tmp_path, "e2e-no", RULES[0]))
    assert done.returncode == 1
    assert "e2e-no" not in run(stack, "list").stdout
