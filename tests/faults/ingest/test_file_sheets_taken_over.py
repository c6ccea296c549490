"""Rows of a spreadsheet that came in parts wait while the broker is away; another process takes them."""

import signal
import time
from dataclasses import replace

import msgspec

from lanewatch.stack import StackConfig
from lanewatch.stack.keeper import Keeper
from lanewatch.stack.ports import free_ports
from services.ingest.domain.files import State
from services.ingest.kept_files import KeptFiles
from tests.integration.ingest.door import Door, open_door
from tests.integration.ingest.sheets import put
from tests.support.running import until
from tests.support.sheets import CLEARED, CSV

COUNT = 1000
CONTENT = b"Shipment,Date\n" + b"".join(b"S-%d,2025-05-03\n" % number for number in range(COUNT))
DAYS_S = 3 * 24 * 3600


async def test_rows_that_wait_are_taken_by_another_process_when_theirs_is_killed(
    broker: tuple[StackConfig, Keeper],
) -> None:
    config, kafka = broker
    folder = config.state_dir / "files"
    async with open_door(config, produce_timeout_s=0.5, files_dir=folder) as door:
        await put(door, CLEARED)
        starts = await door.ends()
        kafka.kill(signal.SIGSTOP)
        place = await sent(door)

        async def is_waiting() -> bool:
            told = (await door.client.get(place)).json()
            return bool(told["state"] == "working" and told.get("problem", {}).get("status") == 503)

        await until(is_waiting, "rows to wait")
        door.keeper.kill()
    # As if it had waited for days.
    kept = KeptFiles(folder, max_files=9, max_of_client=9, max_bytes=9, expire_s=9)
    file = kept.read(place.rpartition("/")[2])
    assert file is not None
    assert (file.state, file.accepted) == (State.WORKING, 0)
    kept.write(msgspec.structs.replace(file, touched=time.time() - DAYS_S))
    kafka.kill(signal.SIGCONT)
    other = replace(config, state_dir=config.state_dir / "second", ingest_port=free_ports(1)[0])
    async with open_door(other, files_dir=folder) as door:

        async def is_done() -> bool:
            answer = await door.client.get(place)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["state"]) == "done"

        await until(is_done, "its end")
        told = (await door.client.get(place)).json()
        assert (told["accepted"], told["refused"], told["lines"]) == (COUNT, 0, COUNT + 1)
        found = {record.key for record in await door.records_since(starts)}
    assert found == {b"shipment:S-%d" % number for number in range(COUNT)}


async def sent(door: Door) -> str:
    """Send the file in two parts and return where it is."""
    headers = {"content-type": CSV, "upload-complete": "?0"}
    half = len(CONTENT) // 2
    begun = await door.client.post("/v1/files?mapping=erp-1", content=CONTENT[:half], headers=headers)
    assert begun.status_code == 201, begun.text
    place: str = begun.headers["location"]
    told = {"content-type": "application/partial-upload", "upload-offset": str(half), "upload-complete": "?1"}
    assert (await door.client.patch(place, content=CONTENT[half:], headers=told)).status_code == 202
    return place
