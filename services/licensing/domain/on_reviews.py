"""What officers say of shipments that the rules held or denied."""

from datetime import datetime

import msgspec

from services.licensing.domain.book import Book, Ending
from services.licensing.domain.concluding import Ruling, conclude, decide, judged, settle
from services.licensing.domain.shipments import Shipment
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import (
    Reason,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
)

Review = ReviewReleased | ReviewRejected | ReviewOverridden


def on_review(book: Book, event: Event[Review]) -> Ending:
    """Let an officer decide a shipment that the rules held or denied; waits while they have not decided.

    Raises PermanentError when there is nothing to review.
    """
    data = event.data
    shipment = book.shipments.get(data.shipment_id)
    if shipment is None or shipment.is_awaited:
        return Ending("parked", "", f"shipment:{data.shipment_id}")
    if shipment.is_over or not may_review(shipment, data):
        state = shipment.progress if shipment.is_over else shipment.outcome
        raise PermanentError(f"shipment {data.shipment_id} is {state}", pointer="/data/shipment_id")
    book.touch("shipment_moved", data.shipment_id)
    return review(book, shipment, data, event.time, event.name)


def may_review(shipment: Shipment, data: Review) -> bool:
    """Return whether an officer has anything to say: of what is held, and an override also of what is denied."""
    return shipment.outcome in (("held", "denied") if isinstance(data, ReviewOverridden) else ("held",))


def review(book: Book, shipment: Shipment, data: Review, at: datetime, caused_by: str) -> Ending:
    """Let an officer's word take the place of every rule but a balance."""
    step = data.TYPE.rpartition(".")[2]
    said = Reason(rule=f"review.{step}", says=f"{step} by {data.officer}: {data.reason}")
    if isinstance(data, ReviewRejected):
        said = msgspec.structs.replace(said, effect="refused", remedy="an officer's override, or a correction")
        shipment.outcome = "denied"
        entries = settle(book, shipment, shipment.draws, at, caused_by)
        return decide(book, shipment, Ruling("denied", (said,), entries), at, caused_by)
    verdict = judged(book, shipment, caused_by, waived_by=data.officer)
    verdict.passed.insert(0, said)
    return conclude(book, shipment, verdict, at, caused_by)
