"""What the messages about licences are made into: events, held to the contract, or a fault."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.ingest.domain.faults import Flaw, not_in_contract
from services.ingest.domain.formats.fitting import misfits
from services.ingest.domain.formats.foreign import Translation
from shared.cloudevents import JSON, Event


@dataclass(frozen=True)
class Made:
    """An event of ours, and where its parts stand in the message."""

    event: Event[Any]
    places: dict[str, str]


@dataclass
class Reading:
    """One licence of a message while it is read."""

    place: str
    source: str
    name: str | None = None
    made: list[Made] = field(default_factory=list)
    notes: list[Flaw] = field(default_factory=list)

    def make(self, event_id: str, at: datetime, data: Any, places: dict[str, str]) -> None:
        """Add an event; what has no place of its own in the message stands at the licence."""
        event = Event(
            specversion="1.0",
            id=event_id,
            source=self.source,
            type=data.TYPE,
            time=at,
            datacontenttype=JSON,
            data=data,
        )
        self.made.append(Made(event, {"": self.place, **places}))

    def translation(self, flaws: list[Flaw]) -> Translation:
        """Return all events, or, where anything is wrong with the message or one of them, a fault and no event."""
        flaws = flaws or [flaw for each in self.made for flaw in misfits(each.event, each.places)]
        if flaws:
            return Translation(self.place, self.name, fault=not_in_contract(*dict.fromkeys(flaws)))
        return Translation(self.place, self.name, tuple(each.event for each in self.made), unmapped=tuple(self.notes))
