"""`lanewatch send` brings whatever file there is to the topic, and names each line that was refused."""

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lanewatch import sending
from lanewatch.sending import Sent
from lanewatch.stack.errors import StackError
from lanewatch.stack.ports import free_ports
from shared.examples import trade_event
from tests.integration.ingest.door import Door
from tests.support.running import until

EVENTS = [{**trade_event("trade.shipment.declared"), "id": f"sent-{n}"} for n in range(50)]
LINES = "".join(f"{json.dumps(event)}\n" for event in EVENTS)


@pytest.fixture
async def ids(door: Door) -> Any:
    starts = await door.ends()

    async def read() -> list[str]:
        return [json.loads(record.value)["id"] for record in await door.records_since(starts)]

    return read


def run(door: Door, *arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**door.config.environment(), "PATH": "/usr/bin:/bin"}
    command = (sys.executable, "-m", "lanewatch.cli", "send", *arguments)
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("form", ["lines", "array", "gzip", "pipe"])
async def test_events_come_from_any_file(door: Door, ids: Any, tmp_path: Path, form: str) -> None:
    file = tmp_path / "events"
    content = {"array": json.dumps(EVENTS, indent=2).encode(), "gzip": gzip.compress(LINES.encode())}
    file.write_bytes(content.get(form, LINES.encode()))
    done = run(door, "-" if form == "pipe" else str(file), "--json", text=LINES if form == "pipe" else None)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"accepted": 50, "refused": 0, "problems": []}
    assert sorted(await ids()) == sorted(event["id"] for event in EVENTS)


async def test_refused_lines_are_named_and_the_rest_is_sent(door: Door, ids: Any, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    bad = {**EVENTS[1], "type": "trade.shipment.declard"}
    file.write_text(f"{json.dumps(EVENTS[0])}\n\n{json.dumps(bad)}\n{{\n{json.dumps(EVENTS[2])}\n")
    done = run(door, str(file))
    assert done.returncode == 1
    assert f"{file.name}:3:" in done.stdout.replace("\n", "")
    assert "2 accepted, 2 refused" in done.stdout
    assert await ids() == ["sent-0", "sent-2"]


async def test_a_refusal_may_hold_what_ends_a_line_elsewhere(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"a\u2028b": 1, "a\u2028b": 2}\n', encoding="utf-8")
    done = run(door, str(file), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["details"] == ["/a\u2028b: the key stands twice"]


async def test_line_numbers_go_on_over_requests(door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sending, "LINES_AT_ONCE", 7)
    file = tmp_path / "events.ndjson"
    file.write_text(LINES + "{\n")
    sent = Sent()
    sending.send(door.config, file, lambda _: None, sent)
    assert (sent.accepted, [problem.line for problem in sent.problems]) == (50, [51])


def test_a_broken_array_is_told(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text("[{]")
    with pytest.raises(StackError, match="begins as a JSON array"):
        list(sending.lines_of(file))


@pytest.mark.parametrize("harm", [lambda packed: packed[:-9], lambda packed: packed[:12] + b"\xff" + packed[13:]])
def test_a_broken_gzip_is_told(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "events.gz"
    file.write_bytes(harm(gzip.compress(LINES.encode())))
    with pytest.raises(StackError, match="begins as gzip and is broken"):
        list(sending.lines_of(file))


def test_an_ingest_that_is_away_is_told_after_a_while(
    monkeypatch: pytest.MonkeyPatch, door: Door, tmp_path: Path
) -> None:

    monkeypatch.setattr(sending, "PAUSE_S", 0)
    file = tmp_path / "events.ndjson"
    file.write_text(LINES)
    with pytest.raises(StackError, match="stays away"):
        sending.send(replace(door.config, ingest_port=free_ports(1)[0]), file, lambda _: None, Sent())


async def test_what_a_pipe_brings_is_sent_though_it_goes_on(door: Door, ids: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lanewatch.cli", "send", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env={**door.config.environment(), "PATH": "/usr/bin:/bin"},
    )
    assert process.stdin
    process.stdin.write(LINES.splitlines(keepends=True)[0].encode())
    await until(ids, "the first line on the topic", 20)
    process.stdin.write(LINES.splitlines()[1].encode())
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert sorted(await ids()) == ["sent-0", "sent-1"]
