"""A roll-out that is repeated, cut short, overtaken or taken back."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from lanewatch import policies, policy_screen
from lanewatch.stack import Stack, StackConfig
from lanewatch.stack.errors import StackError
from shared.cloudevents import write
from tests.support.plain import PLAIN
from tests.support.rules import rule
from tests.support.rules import rulebook as read_rulebook
from tests.support.trade import event, rulebook

PATIENCE_S = 30.0
SILENT = rule("shipment.id == 'NONE'", "silent")


@pytest.fixture
def config(stack: Stack, tmp_path: Path) -> StackConfig:
    """The running stack, asked from a folder that has seen no roll-out."""
    return replace(stack.config, state_dir=tmp_path)


def asked(config: StackConfig, path: str, **params: str) -> Any:
    return httpx.get(config.url_of("licensing") + path, params=params, verify=PLAIN).raise_for_status().json()


def posted(config: StackConfig, body: bytes) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    httpx.post(f"{config.url_of('ingest')}/v1/events", content=body, headers=headers, verify=PLAIN).raise_for_status()


def wait_for(config: StackConfig, event_id: str, source: str = "/test") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while asked(config, "/v1/events", source=source, id=event_id)["status"] == "waiting":
        assert time.monotonic() < deadline, f"{event_id} was not decided"
        time.sleep(0.05)


async def plan(config: StackConfig, version: str, by: str = "operator") -> policies.Plan:
    return await asyncio.to_thread(policies.plan, config, read_rulebook(SILENT, version=version), by, "for a test")


async def roll_out(config: StackConfig, planned: policies.Plan) -> dict[str, Any]:
    return await asyncio.to_thread(policies.roll_out, config, planned)


def event_of(config: StackConfig, planned: policies.Plan) -> Any:
    return asked(config, "/v1/events", source=policies.SOURCE, id=planned.event.id)


async def test_a_roll_out_that_is_begun_twice_is_one_event(config: StackConfig) -> None:
    first, second = await plan(config, "twice"), await plan(config, "twice", by="another")
    before = asked(config, "/v1/audit")["duplicates"]
    assert (await roll_out(config, first))["status"] == "decided"
    assert (await roll_out(config, second))["status"] == "decided"
    deadline = time.monotonic() + PATIENCE_S
    while asked(config, "/v1/audit")["duplicates"] == before:
        assert time.monotonic() < deadline, event_of(config, first)
        await asyncio.sleep(0.05)
    assert event_of(config, first)["dead_letters"] == []
    assert asked(config, "/v1/policies/twice")["by"] == "operator"


async def test_a_roll_out_that_was_cut_short_goes_on_with_its_first_wording(config: StackConfig) -> None:
    first = await plan(config, "cut")
    # Written down and posted; then the command was killed.
    first.body.parent.mkdir(parents=True)
    first.body.write_bytes(write(first.event))
    posted(config, write(first.event))
    again = await plan(config, "cut", by="another")
    assert again.event == first.event
    assert (await roll_out(config, again))["status"] == "decided"
    assert asked(config, "/v1/policies/cut")["by"] == "operator"


async def test_a_roll_out_that_was_overtaken_tells_why_it_is_dead(
    config: StackConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = await plan(config, "overtaken")
    posted(config, rulebook("overtaken", id="overtakes"))
    wait_for(config, "overtakes")
    status = await roll_out(config, planned)
    assert status["status"] == "dead"
    assert not policy_screen.ending(planned, status)
    assert "overtaken was not rolled out: rulebook overtaken was rolled out before" in capsys.readouterr().err


async def test_a_rulebook_that_was_taken_back_needs_another_version(config: StackConfig) -> None:
    planned = await plan(config, "back")
    assert (await roll_out(config, planned))["status"] == "decided"
    taken_back = {"entity": "policy:monitoring", "source": policies.SOURCE, "id": planned.event.id}
    posted(config, event("trade.event.retracted", taken_back, id="takes-back"))
    wait_for(config, "takes-back")
    with pytest.raises(StackError, match="back was taken back by /test takes-back; give it another version"):
        await plan(config, "back")


async def test_who_rolls_out_is_held_to_the_contract(config: StackConfig) -> None:
    with pytest.raises(StackError, match="/data/by: "):
        await plan(config, "by", by="x" * 200)
