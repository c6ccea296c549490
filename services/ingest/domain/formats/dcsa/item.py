"""One event of a DCSA message, and what comes of it; what all versions of Track & Trace share."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.ingest.domain.faults import Flaw, not_in_contract
from services.ingest.domain.formats.dcsa.table import Row
from services.ingest.domain.formats.fitting import misfits
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.values import is_text
from shared.cloudevents import JSON, Event

SOURCE = "urn:lanewatch:dcsa"
ACTUAL = "ACT"
NO_TIME = "not a point in time with its UTC offset (RFC 3339)"
NO_SHIPMENT = "names no shipment; see docs/ingest/dcsa.md for what does"
NO_SHIPMENT_TAKEN_BACK = "a retraction is put in order with the shipment that it is about, so it must name it"


class Item(NamedTuple):
    """One event of the message, where it stands, its id and the source of what is made of it."""

    event: dict[str, object]
    place: str
    event_id: str
    source: str

    @property
    def reason(self) -> str:
        """What it gives as its reason."""
        told = self.event.get("reason")
        return told if is_text(told) else ""

    def at(self, path: str) -> object:
        """Return what stands at a path of names, or None."""
        return at(self.event, path)

    def contrary(self, row: Row) -> Flaw | None:
        """Return why this event of the row's code is no such milestone, if so."""
        for path, values in row.only:
            told = self.at(path)
            if told is not None and told not in values:
                return self.flaw(path, f"with {row.code} only {' or '.join(values)} makes a milestone")
        for path, value in row.needs:
            if self.at(path) != value:
                return self.flaw(path, f"with {row.code} it must be {value} to make a milestone")
        return None

    def flaw(self, path: str, detail: str) -> Flaw:
        """Return a flaw at a path."""
        return Flaw(pointer=f"{self.place}/{path}" if path else self.place, detail=detail)

    def refused(self, path: str, detail: str) -> Translation:
        """Return that nothing of it can be taken."""
        return refused(self.place, self.event_id, self.flaw(path, detail))

    def nothing(self, why: Flaw) -> Translation:
        """Return that it is no milestone."""
        return Translation(self.place, self.event_id, unmapped=(why,))

    def first(self, paths: Iterable[str]) -> tuple[str | None, str]:
        """Return the first text that stands at one of these paths, and where; the last path where none does."""
        path = ""
        for path in paths:
            told = self.at(path)
            if is_text(told) and told:
                return told, f"{self.place}/{path}"
        return None, f"{self.place}/{path}"

    def made(
        self, time: datetime, data: Any, places: Mapping[str, str], left_over: Mapping[str, str], event_id: str = ""
    ) -> Translation:
        """Return the event with this data, if it keeps our contract, and what of it (`left_over`) is not handed on."""
        event: Event[Any] = Event(
            specversion="1.0",
            id=event_id or self.event_id,
            source=self.source,
            type=data.TYPE,
            time=time,
            datacontenttype=JSON,
            data=data,
        )
        if flaws := misfits(event, {"": self.place, **places}):
            return refused(self.place, self.event_id, *flaws)
        unmapped = tuple(self.flaw(field, why) for field, why in left_over.items() if self.event.get(field) is not None)
        return Translation(self.place, self.event_id, (event,), unmapped=unmapped)


def refused(place: str, name: str | None, *flaws: Flaw) -> Translation:
    """Return that nothing of what stands at a place can be taken."""
    return Translation(place, name, fault=not_in_contract(*flaws))


def at(tree: object, path: str) -> object:
    """Return what stands at a path of names in a tree, or None."""
    for name in path.split("/"):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
