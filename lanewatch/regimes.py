"""`lanewatch load`: reads a regime from a file, its events with their sources, and posts it through the front door."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from lanewatch.demo.client import Client
from lanewatch.demo.posting import FrontDoor
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.errors import PermanentError
from shared.faults import REFUSALS, refused


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a regime's facts come from, and what it says of them."""

    title: str
    publisher: str
    date: str
    url: str
    says: str


class RegimeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A regime as data: what authorities publish, as events of the contract, in the order of posting."""

    title: str
    sources: tuple[Source, ...]
    events: tuple[msgspec.Raw, ...]


class Regime(msgspec.Struct, frozen=True):
    """A regime whose events were read and hold to the contract."""

    title: str
    events: tuple[Event[Any], ...]

    @property
    def entities(self) -> dict[str, int]:
        """How many events each regime, quota or licence has, in the order of the file."""
        return dict(Counter(entity_key(event) for event in self.events))


def read(path: Path) -> Regime:
    """Return a regime. Raises StackError naming the file and the place of its fault."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StackError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        found = msgspec.json.decode(text, type=RegimeFile)
    except REFUSALS as error:
        raise _fault(path, "", refused(text, RegimeFile, error)) from error
    if not found.sources:
        raise StackError(f"{path}, /sources: a regime names where its facts come from.")
    events = []
    for index, body in enumerate(found.events):
        try:
            events.append(read_trade_event(body))
        except PermanentError as error:
            raise _fault(path, f"/events/{index}", error) from error
    return Regime(found.title, tuple(events))


def post(config: StackConfig, regime: Regime) -> None:
    """Post a regime to the running stack. Raises StackError when ingest refuses an event or stays away.

    Events that were posted before count once, so a file can be posted again.
    """
    asyncio.run(_post(config, regime))


async def _post(config: StackConfig, regime: Regime) -> None:
    async with aiohttp.ClientSession(headers=headers(config)) as session:
        await FrontDoor(Client(session, "ingest", config.url_of("ingest"))).post(regime.events)


def _fault(path: Path, place: str, error: PermanentError) -> StackError:
    places = [(f"{place}{fault.pointer}", fault.detail) for fault in error.faults]
    told = "; ".join(f"{where}: {detail}" if where else detail for where, detail in places)
    return StackError(f"{path}{', ' if places[0][0] else ': '}{told}.")
