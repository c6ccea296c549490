"""What the CloudEvents project's own clients post is understood."""

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary, to_json, to_structured
from cloudevents.v1.http import CloudEvent as OldEvent

from shared.examples import TRADE_DATA
from tests.integration.ingest.door import Door

KIND = "trade.shipment.declared"
TIME = datetime(2025, 5, 1, 8, 30, tzinfo=UTC)
TOOL = shutil.which("cloudevents")
"""`go install github.com/cloudevents/conformance/cmd/cloudevents@main`"""


def attributes(number: str, **over: Any) -> dict[str, Any]:
    return {"id": number, "source": "/sdk/plant-1", "type": KIND, "time": TIME, "specversion": "1.0", **over}


async def assert_taken(door: Door, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    starts = await door.ends()
    answer = await door.client.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    (record,) = await door.records_since(starts)
    event: dict[str, Any] = json.loads(record.value)
    assert event["data"] == json.loads(json.dumps(TRADE_DATA[KIND]))
    assert datetime.fromisoformat(event["time"]) == TIME
    return event


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
async def test_events_of_the_python_sdk_are_taken(door: Door, write: Callable[[Any], HTTPMessage]) -> None:
    message = write(
        CloudEvent(
            attributes("sdk-2", source="/sdk/plant-1?line=%201", datacontenttype="application/json", myextension="x"),
            TRADE_DATA[KIND],
        )
    )
    event = await assert_taken(door, dict(message.headers), message.body)
    assert (event["source"], event["myextension"]) == ("/sdk/plant-1?line=%201", "x")


@pytest.mark.parametrize("write", [to_binary, to_structured])
async def test_events_of_the_python_sdks_first_version_are_taken(door: Door, write: Callable[[Any], Any]) -> None:
    headers, body = write(OldEvent(attributes("sdk-1", time=TIME.isoformat()), TRADE_DATA[KIND]))
    await assert_taken(door, headers, body)


async def test_a_batch_of_the_python_sdks_events_is_taken(door: Door) -> None:
    one = to_json(OldEvent(attributes("sdk-b", time=TIME.isoformat()), TRADE_DATA[KIND]))
    await assert_taken(door, {"content-type": "application/cloudevents-batch+json"}, b"[" + one + b"]")


@pytest.mark.skipif(TOOL is None, reason="the Go tool `cloudevents` is not installed")
@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_events_of_the_go_tool_are_taken(door: Door, mode: str) -> None:
    starts = await door.ends()
    process = await asyncio.create_subprocess_exec(
        *(str(TOOL), "send", f"{door.config.url_of('ingest')}/v1/events", "--mode", mode, "--id", f"go-{mode}"),
        *("--source", "/go/tool", "--type", KIND, "--time", "2025-05-01T08:30:00Z"),
        *("--datacontenttype", "application/json", "--data", json.dumps(TRADE_DATA[KIND])),
    )
    assert await process.wait() == 0
    (record,) = await door.records_since(starts)
    event = json.loads(record.value)
    assert (event["source"], event["id"]) == ("/go/tool", f"go-{mode}")
    assert event["data"] == json.loads(json.dumps(TRADE_DATA[KIND]))
