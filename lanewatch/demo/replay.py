"""Plays the days: posts each wave, waits until licensing has dealt with it, and lets the day end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from lanewatch.demo.client import PATIENCE_S, Client
from lanewatch.demo.posting import FrontDoor, Places
from lanewatch.demo.story import Day, Story
from lanewatch.stack import StackError
from shared.cloudevents import Event

NEXT_LOOK_S = 0.005
LONGEST_FIRST_LOOK_S = 0.2
SMOOTHING = 0.2


class Replay:
    """Plays a story into a running stack."""

    def __init__(self, door: FrontDoor, licensing: Client) -> None:
        self.door = door
        self.licensing = licensing
        self.seen_parked = 0
        self._usual_s = 0.02
        """How long licensing takes for a wave of late; asking much sooner would only take its time."""

    async def play(self, story: Story, on_day: Callable[[Day], None]) -> None:
        """Post the whole story; `on_day` is told each day that begins. Raises StackError."""
        for day in story.days:
            on_day(day)
            for wave in day.waves:
                await self._wait_until_read(await self.door.post(wave))
                if wave is day.early:
                    self.seen_parked += await self._count_parked(wave)

    async def _wait_until_read(self, places: Places) -> None:
        began = time.monotonic()
        await asyncio.sleep(min(self._usual_s * 2 / 3, LONGEST_FIRST_LOOK_S))
        while True:
            read = await self.licensing.get("/v1/positions")
            if all(read.get(partition, 0) >= offset for partition, offset in places.items()):
                self._usual_s += SMOOTHING * (time.monotonic() - began - self._usual_s)
                return
            if time.monotonic() > began + PATIENCE_S:
                raise StackError(f"licensing did not read up to {places} within {PATIENCE_S:g} s; it is at {read}.")
            await asyncio.sleep(NEXT_LOOK_S)

    async def _count_parked(self, events: Sequence[Event[Any]]) -> int:
        found = [await self.licensing.get("/v1/events", source=one.source, id=one.id) for one in events]
        return sum(event["status"] == "parked" for event in found)
