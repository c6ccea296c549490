"""What reading a foreign message gives: our events in order, and by name what has no place in them."""

from dataclasses import dataclass
from typing import Any

from services.ingest.domain.faults import Fault, Flaw
from shared.cloudevents import Event


@dataclass(frozen=True)
class Translation:
    """What one item of a foreign message gives.

    Either `events`, which may be none where the item says nothing of a trade, or a `fault` and no events.
    """

    pointer: str
    """Where the item stands in the message as it was sent (RFC 6901)."""
    name: str | None = None
    """The item's own id, if it has one."""
    events: tuple[Event[Any], ...] = ()
    fault: Fault | None = None
    """Why nothing of the item can be taken; its pointers lead into the message as it was sent."""
    unmapped: tuple[Flaw, ...] = ()
    """What the item says that has no place in the events, each with its pointer and why; for people, not a refusal."""
