"""Streams and files are slowed down to their client's quota, and stopped where they would wait too long: what was
acknowledged by then is on the topic, and what was not is told."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from tests.integration.ingest.door import Door, open_door, own_config
from tests.integration.ingest.sheets import post, put, told
from tests.integration.ingest.test_lines import LINES, event, results, text
from tests.integration.ingest.test_sending import run
from tests.support.sheets import DECLARED, HEADER


@asynccontextmanager
async def limited(config: StackConfig, quota: int, window_s: int) -> AsyncIterator[Door]:
    settings = {"rate_events": quota, "rate_window_s": window_s, "max_batch_items": 200}
    async with open_door(config, **settings) as door:
        yield door


@pytest.fixture(scope="module")
async def config(backbone: StackConfig) -> StackConfig:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    return config


async def test_a_stream_is_slowed_down_to_the_quota(config: StackConfig) -> None:
    async with limited(config, 500, 1) as door:
        begun = time.monotonic()
        answer = await door.post(text(*(event(n) for n in range(1500))), LINES)
        took_s = time.monotonic() - begun
    assert (answer.status_code, results(answer)[1]["accepted"]) == (202, 1500)
    # Of 1,500 the first 500 are there at once; of the rest all but the last window are waited for.
    assert 1.5 < took_s < 10


async def test_a_stream_that_would_wait_too_long_is_stopped_and_nothing_acknowledged_is_lost(
    config: StackConfig,
) -> None:
    async with limited(config, 200, 60) as door:
        starts = await door.ends()
        answer = await door.post(text(*(event(n) for n in range(1000))), LINES)
        lines, summary = results(answer)
        records = await door.records_since(starts)
        again = await door.post(text(event(1)), LINES)
    stopped = summary["stopped"]
    assert answer.status_code == 207
    assert 0 < summary["accepted"] == stopped["line"] - 1 <= 200 + 17
    assert (stopped["problem"]["status"], stopped["problem"]["violated-policies"]) == (429, ["events"])
    assert int(answer.headers["retry-after"]) == stopped["problem"]["retry_after_s"] >= 6
    assert {(r.partition, r.offset) for r in records} == {
        (line["receipt"]["partition"], line["receipt"]["offset"]) for line in lines
    }
    assert len(records) == summary["accepted"]
    assert again.status_code in (202, 429)


async def test_a_sheet_is_stopped_at_the_row_that_was_not_taken(config: StackConfig) -> None:
    async with limited(config, 200, 60) as door:
        await put(door, DECLARED)
        rows = "".join(f"\nS-{n};02.05.2025;Motor AG;DE;85051110;Nd,Dy;1,5;1,5;KGM" for n in range(400))
        answer = await post(door, (HEADER + rows).encode())
        lines, summary = told(answer)
    assert answer.status_code == 207
    assert summary["stopped"]["problem"]["status"] == 429
    assert summary["stopped"]["row"] == max(line["last_row"] for line in lines) + 1
    assert summary["accepted"] == len(lines) <= 200 + 17


async def test_who_sends_files_waits_for_the_quota_by_itself(config: StackConfig, tmp_path: Path) -> None:
    async with limited(config, 200, 1) as door:
        starts = await door.ends()
        file = tmp_path / "events.ndjson"
        file.write_bytes(text(*(event(n) for n in range(1300))))
        done = run(door, str(file))
        assert done.returncode == 0, done.stderr
        assert len(await door.records_since(starts)) == 1300
