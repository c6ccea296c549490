"""Which step of a shipment's life an EPCIS event tells of, as a table; docs/ingest/epcis.md shows it to people."""

from typing import Literal, NamedTuple

from services.ingest.domain.formats.epcis.vocabulary import OWN
from shared.events import (
    ShipmentArrived,
    ShipmentCancelled,
    ShipmentCleared,
    ShipmentDelivered,
    ShipmentDeparted,
    ShipmentHeld,
    ShipmentMilestone,
    ShipmentRejected,
    ShipmentReleased,
)

End = Literal["source", "destination"]


class Row(NamedTuple):
    """What a business step says. `end`: where it must happen, if the event names that end of its journey."""

    step: str
    milestone: type[ShipmentMilestone]
    end: End | None
    why: str


ROWS = (
    Row("departing", ShipmentDeparted, "source", "leaves a location on its way to a destination"),
    Row("shipping", ShipmentDeparted, "source", "staging, loading and departing in one"),
    Row("consigning", ShipmentDeparted, "source", "staging, loading, departing and the carrier's acceptance in one"),
    Row("arriving", ShipmentArrived, "destination", "arrives at a location"),
    Row("receiving", ShipmentDelivered, "destination", "is in the receiver's inventory"),
    Row("holding", ShipmentHeld, None, "is segregated for further review; its end is our own `released`"),
    Row(f"{OWN}bizstep:cleared", ShipmentCleared, None, "customs cleared it; the CBV has no word for it"),
    Row(f"{OWN}bizstep:released", ShipmentReleased, None, "a hold ended; the CBV has no word for it"),
    Row(f"{OWN}bizstep:rejected", ShipmentRejected, None, "customs refused it; the CBV has no word for it"),
    Row(f"{OWN}bizstep:cancelled", ShipmentCancelled, None, "it was withdrawn as a whole; the CBV has no word for it"),
)
BY_STEP = {row.step: row for row in ROWS}

OTHER_STEPS = {
    "accepting": "says that possession or ownership changed, which may be the carrier's; receiving says delivered",
    "inspecting": "is a check of quality or papers, which no authority need have ordered",
    "sampling": "is a test of a part of the goods, which says nothing of the rest",
    "transporting": "says that goods are under way, not that they left a country",
    "loading": "says that goods are in a conveyance, not that it left",
    "unloading": "says that goods are out of a conveyance, not whose they are; receiving says delivered",
    "staging_outbound": "says that goods are ready to leave",
    "void_shipping": "says that some goods did not go; to take a departure back, send it again with errorDeclaration",
    "destroying": "says that goods are no more; what of a shipment is left, a correction of its declaration says",
}
"""Words of the CBV that come near to a milestone, and why they are none."""
NO_STEP = "is a step inside a company and no milestone of a shipment"

CONTRARY = {
    "returned": "says that goods came or go back",
    "recalled": "says that goods are called back",
    "stolen": "says that goods were taken",
    "destroyed": "says that goods are no more",
    "disposed": "says that goods are on their way to disposal",
}
"""Dispositions with which no step is a milestone on the way to the consignee."""

EVENT_TYPES = {
    "AggregationEvent": "tells what is packed with what, which no milestone holds",
    "TransformationEvent": "tells what was made of what, which no milestone holds",
    "AssociationEvent": "tells what is fixed to what, which no milestone holds",
}
"""Kinds of events that are not read further."""

FIELDS = {
    "epcList": "the goods of a shipment are those that were declared",
    "quantityList": "the goods of a shipment are those that were declared",
    "parentID": "the goods of a shipment are those that were declared",
    "readPoint": "a milestone takes a place that has an id",
    "bizLocation": "a milestone takes one place, the read point if there is one",
    "persistentDisposition": "what stays true of an object has no place in a milestone",
    "sourceList": "the parties to a shipment are those that were declared",
    "destinationList": "the parties to a shipment are those that were declared",
    "sensorElementList": "what sensors measured has no place in a milestone",
    "certificationInfo": "evidence is told in a declaration",
    "ilmd": "what goods are is told in a declaration",
    "recordTime": "when another system heard of it has no place in a milestone",
}
"""Fields of an event that a milestone does not take."""
NO_FIELD = "has no place in a milestone"
