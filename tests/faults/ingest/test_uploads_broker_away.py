"""A spreadsheet that is on its way while the broker goes away stops where it says, and goes on from there."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.keeper import Keeper
from tests.integration.ingest.door import Door, open_door
from tests.integration.ingest.sheets import post, put, told
from tests.support.running import until
from tests.support.sheets import CLEARED, CSV, changed, encoded

COUNT = 3000
LINES = [b"S-%d,2025-05-03\n" % number for number in range(COUNT)]
HEADER = b"Shipment,Date\n"


@pytest.fixture
async def door(broker: tuple[StackConfig, Keeper]) -> AsyncIterator[Door]:
    async with open_door(broker[0], produce_timeout_s=0.5, mapping_timeout_s=1) as opened:
        yield opened


async def test_an_upload_stops_where_it_says_and_goes_on_from_there(
    door: Door, broker: tuple[StackConfig, Keeper]
) -> None:
    await put(door, CLEARED)
    starts = await door.ends()

    async def content() -> AsyncIterator[bytes]:
        # The first rows are read once there are enough of them to tell what the file is.
        yield HEADER + b"".join(LINES[:1000]) + b"\n" * 70_000
        await asyncio.sleep(0.5)
        broker[1].kill(signal.SIGSTOP)
        for start in range(1000, COUNT, 100):
            yield b"".join(LINES[start : start + 100])
            await asyncio.sleep(0.02)

    answer = await post(door, content())
    results, summary = told(answer)
    assert answer.status_code == 207
    assert answer.headers["retry-after"]
    assert summary["stopped"]["problem"]["status"] == 503
    away = [line["row"] for line in results if line["status"] == 503]
    again = min([*away, summary["stopped"]["row"]])
    assert again > 1000
    refused = await door.client.put(
        "/v1/mappings/m", content=encoded(changed(CLEARED, title="x")), headers={"content-type": "application/json"}
    )
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    broker[1].kill(signal.SIGCONT)
    whole = HEADER + b"".join(LINES[:1000]) + b"\n" * 70_000 + b"".join(LINES[1000:])

    async def goes_on() -> bool:
        later = await post(door, whole, from_row=str(again), prefer="return=minimal")
        return later.status_code == 202 and "stopped" not in later.text

    await until(goes_on, "the rest to be taken", 30)
    found = {record.key for record in await door.records_since(starts)}
    assert found == {b"shipment:S-%d" % number for number in range(COUNT)}
    put_again = await door.client.put(
        "/v1/mappings/m", content=encoded(changed(CLEARED, title="y")), headers={"content-type": "application/json"}
    )
    assert put_again.status_code in (200, 201)
    assert (await post(door, whole, CSV, mapping="m", dry_run="true")).status_code == 200
