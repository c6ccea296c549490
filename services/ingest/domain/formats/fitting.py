"""Holds an event that was made of a foreign message to our contract; faults stand where the message has them."""

from collections.abc import Mapping
from typing import Any

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.reading import Limits, read_structured
from shared.cloudevents import Event, write

_ANY_SIZE = 2**63
_LIMITS = Limits(event_bytes=_ANY_SIZE, batch_bytes=_ANY_SIZE, batch_items=1, is_clock_taken=False)
"""How large an event may be is asked when it is published."""


def misfits(event: Event[Any], places: Mapping[str, str]) -> tuple[Flaw, ...]:
    """Return what keeps an event from the contract.

    `places` says where the parts of the event stand in the foreign message; the longest that
    leads to a part counts, and what none leads to stands at the empty one.
    """
    item = read_structured(write(event), _LIMITS)
    if not isinstance(item, Fault):
        return ()
    return tuple(Flaw(pointer=place_in(flaw.pointer or "", places), detail=flaw.detail) for flaw in item.errors)


def place_in(pointer: str, places: Mapping[str, str]) -> str:
    """Return where the message has what stands at a pointer into the event."""
    part = pointer
    while part and part not in places:
        part = part.rpartition("/")[0]
    return places.get(part, "") + (pointer.removeprefix(part) if part else "")
