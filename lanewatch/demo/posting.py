"""Posts events through the front door as any integrator would, until each has a receipt."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from lanewatch.demo.client import PATIENCE_S, Client
from lanewatch.stack import StackError
from shared.cloudevents import Event, write

BATCH = "application/cloudevents-batch+json"
AT_ONCE = 500
PAUSE_S = 0.25
ACCEPTED, SOME, NONE = HTTPStatus.ACCEPTED, HTTPStatus.MULTI_STATUS, HTTPStatus.SERVICE_UNAVAILABLE

Places = dict[str, int]
"""By partition: the offset up to which everything must be read, so that all receipts are covered."""


class FrontDoor:
    """The ingest. An event that is posted twice counts once, so whatever is in doubt is posted again."""

    def __init__(self, ingest: Client) -> None:
        self.ingest = ingest
        self.posted = 0
        self.repeated = 0
        self.posted_at: dict[str, float] = {}
        """By event name: when its first receipt came."""

    async def post(self, events: Sequence[Event[Any]]) -> Places:
        """Post events in order and return where they stand. Raises StackError when one is not taken."""
        places: Places = {}
        for start in range(0, len(events), AT_ONCE):
            await self._post_some(events[start : start + AT_ONCE], places)
        return places

    async def _post_some(self, events: Sequence[Event[Any]], places: Places) -> None:
        deadline, left = time.monotonic() + PATIENCE_S, list(events)
        while True:
            left = await self._post_once(left, places)
            if not left:
                return
            if time.monotonic() > deadline:
                raise StackError(f"ingest did not take {left[0].name} within {PATIENCE_S:g} s.")
            self.repeated += len(left)
            await asyncio.sleep(PAUSE_S)

    async def _post_once(self, events: list[Event[Any]], places: Places) -> list[Event[Any]]:
        """Post a batch; return the events that have no place yet."""
        body = b"[" + b",".join(map(write, events)) + b"]"
        answer = await self.ingest.ask(
            "POST", "/v1/events", (ACCEPTED, SOME), data=body, headers={"content-type": BATCH}
        )
        self.posted += len(events)
        left = []
        for event, result in zip(events, answer.body["results"], strict=True):
            if not self._note(event, result, places):
                left.append(event)
        return left

    def _note(self, event: Event[Any], result: dict[str, Any], places: Places) -> bool:
        """Take note of a receipt; return False when the event must be posted again."""
        receipt = result.get("receipt")
        if receipt is None and result["status"] != NONE:
            raise StackError(f"ingest refused {event.name}: {result['problem']}")
        if receipt is None or receipt["offset"] is None:
            return False
        partition = str(receipt["partition"])
        places[partition] = max(places.get(partition, 0), receipt["offset"] + 1)
        self.posted_at.setdefault(event.name, time.monotonic())
        return True
