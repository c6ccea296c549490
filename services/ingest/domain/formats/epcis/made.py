"""What is handed on while an EPCIS event is read: the event itself, and what was made of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from services.ingest.domain.formats.epcis.vocabulary import Names
from services.ingest.domain.formats.values import moment
from shared.cloudevents import JSON, Event


@dataclass(frozen=True)
class Item:
    """An EPCIS event that is sound, and where it stands."""

    event: dict[str, object]
    names: Names
    place: str
    event_id: str
    source: str

    @property
    def time(self) -> datetime:
        """When it happened."""
        return cast("datetime", moment(self.event["eventTime"]))


@dataclass(frozen=True)
class Made:
    """An event of ours, whose it is, and where the parts of it stand in the message."""

    event: Event[Any]
    shipment_id: str
    places: dict[str, str]


def make(item: Item, event_id: str, time: datetime, data: Any) -> Event[Any]:
    """Return an event of ours that was made of an item."""
    return Event(
        specversion="1.0",
        id=event_id,
        source=item.source,
        type=data.TYPE,
        time=time,
        datacontenttype=JSON,
        data=data,
    )
