"""What concerns any event: that it is taken back; and the passing of time."""

from typing import Annotated, Literal

from msgspec import Meta

from shared.errors import UnfitError
from shared.events.words import LATEST_YEAR, EventId, EventSource, In, Moment, Text


class EventRetracted(In, frozen=True, kw_only=True):
    """An earlier event is taken back, as if it had not been; what followed from it is compensated."""

    TYPE = "trade.event.retracted"
    ENTITY = "entity"
    entity: Annotated[
        str,
        Meta(
            max_length=137,
            pattern=r"^(shipment|licence|quota|regime|policy|price):[^\x00-\x1f\x7f]+$(?!\n)",
            description="one of shipment:, licence:, quota:, regime:, policy:, price: with the id after it,"
            " e.g. shipment:S-1",
        ),
    ]
    """Whose life the event belongs to, e.g. `shipment:SHP-42`."""
    source: EventSource
    id: EventId
    reason: Text = ""


class ClockTicked(In, frozen=True, kw_only=True):
    """Time passed: everything due up to `now` happens. Published by the scheduler, or by who replays a log."""

    TYPE = "lanewatch.clock.ticked"
    ENTITY = "clock"
    clock: Literal["trade"] = "trade"
    now: Moment

    def __post_init__(self) -> None:
        """Raise UnfitError for a time too far ahead to count days from."""
        if self.now.year > LATEST_YEAR:
            raise UnfitError(f"must not be after the year {LATEST_YEAR}", "now")
