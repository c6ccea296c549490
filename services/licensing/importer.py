"""Plans an import against what licensing has, and writes it: all of its events, or none.

What takes long for a large register is worked out on a thread, so that the service goes on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.importing.events import events_of, refuse_too_large
from services.licensing.importing.planning import Change, Known, plan
from services.licensing.importing.register import Register
from services.licensing.store import imports


class UnderWayError(Exception):
    """Events of an earlier import are not dealt with yet, so what licensing has is about to change."""

    def __init__(self, latest: imports.Latest) -> None:
        super().__init__(f"{latest.waiting} events of import {latest.number} are not dealt with yet")
        self.number = latest.number


class Outcome(NamedTuple):
    """What an import does, and what it wrote: its number and its events, where it wrote anything."""

    changes: tuple[Change, ...]
    is_importable: bool
    number: int | None = None
    events: tuple[dict[str, Any], ...] = ()


async def dry_run(c: AsyncConnection, register: Register) -> Outcome:
    """Return what an import would do. Raises UnderWayError."""
    await imports.begin(c)
    latest = await imports.latest(c)
    if latest and latest.waiting:
        raise UnderWayError(latest)
    return await _planned(c, register)


async def take_in(c: AsyncConnection, register: Register, content: str, topic: str, at: datetime) -> Outcome:
    """Write the events for `topic`, unless anything is at fault or refused. Raises UnderWayError.

    Imports are written one at a time, each on what the one before has brought about. The same
    content that comes again before its events were dealt with has made them already.
    """
    await imports.begin(c)
    await imports.lock(c)
    latest = await imports.latest(c)
    if latest and latest.waiting and latest.content != content:
        raise UnderWayError(latest)
    outcome = await _planned(c, register)
    if latest and latest.waiting:
        return await _with_events(c, outcome, latest.number)
    if not outcome.is_importable:
        return outcome
    earlier = await imports.count_of(c, content)
    events = await asyncio.to_thread(events_of, outcome.changes, content, earlier, at)
    if not events:
        return outcome
    return await _with_events(c, outcome, await imports.save(c, content, at, events, topic))


async def _planned(c: AsyncConnection, register: Register) -> Outcome:
    known = await imports.known(c, [entry.terms for entry in register.licences])
    changes = await asyncio.to_thread(_changes, register, known)
    return Outcome(changes, not register.faults and not _has_refusal(changes))


def _changes(register: Register, known: dict[str, Known]) -> tuple[Change, ...]:
    return tuple(map(refuse_too_large, plan(register, known)))


def _has_refusal(changes: Sequence[Change]) -> bool:
    return any(change.what == "refused" for change in changes)


async def _with_events(c: AsyncConnection, outcome: Outcome, number: int) -> Outcome:
    made = await imports.find(c, number)
    return outcome._replace(number=number, events=made.events if made else ())
