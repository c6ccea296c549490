"""What reading a foreign message gives: our events in order, by name what has no place in them, and not too much."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.ingest.domain.faults import Fault, Flaw, too_large
from shared.cloudevents import Event

MOST = 1000
"""So many items of a message, and events of it, unless said otherwise."""


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


def gathered(count: int, translations: Iterable[Translation], most: int) -> list[Translation] | Fault:
    """Return what so many items give, or the fault of a message that holds or gives too much.

    The translations are made one by one, and none for too many items: a few megabytes hold millions of them.
    """
    if count > most:
        return too_large(f"a message holds at most {most} items, this one {count}")
    given: list[Translation] = []
    events = 0
    for translation in translations:
        events += len(translation.events)
        if events > most:
            return too_large(f"a message gives at most {most} events, this one more")
        given.append(translation)
    return given
