"""Which step of a shipment's life a DCSA event tells of, as a table; docs/ingest/dcsa.md shows it to people."""

from typing import NamedTuple

from shared.events import (
    ShipmentArrived,
    ShipmentCancelled,
    ShipmentCleared,
    ShipmentDelivered,
    ShipmentDeparted,
    ShipmentHeld,
    ShipmentMilestone,
    ShipmentReleased,
)

SUBTYPES = {
    "SHIPMENT": "shipmentEventTypeCode",
    "TRANSPORT": "transportEventTypeCode",
    "EQUIPMENT": "equipmentEventTypeCode",
    "IOT": "iotEventTypeCode",
    "REEFER": "reeferEventTypeCode",
}
"""Kinds of events, and the field that says more of each."""


class Row(NamedTuple):
    """What an event of a kind and code says. `only`: fields that must hold one of these values, where they are told."""

    kind: str
    code: str
    milestone: type[ShipmentMilestone]
    why: str
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    """Fields that must be told and hold this value."""


_PLACE = "shipmentDetails/shipmentLocationType"
_MOVEMENT = "equipmentDetails/movementType"
_LADEN = "equipmentDetails/emptyIndicatorCode"

ROWS = (
    Row("TRANSPORT", "DEPA", ShipmentDeparted, "leaves the port of loading", only=((_PLACE, ("POL", "PRE")),)),
    Row("TRANSPORT", "ARRI", ShipmentArrived, "arrives at the port of discharge", only=((_PLACE, ("POD", "PDE")),)),
    Row("EQUIPMENT", "CUSR", ShipmentCleared, "customs released it for export", needs=((_MOVEMENT, "EXPORT"),)),
    Row(
        "EQUIPMENT",
        "DROP",
        ShipmentDelivered,
        "the laden container was brought to the consignee",
        only=((_PLACE, ("PDE",)),),
        needs=((_MOVEMENT, "IMPORT"), (_LADEN, "LADEN")),
    ),
    Row("SHIPMENT", "HOLD", ShipmentHeld, "is on hold"),
    Row("SHIPMENT", "RELS", ShipmentReleased, "the hold ended"),
    Row("SHIPMENT", "CACF", ShipmentCancelled, "the booking's cancellation is confirmed"),
)
BY_CODE = {(row.kind, row.code): row for row in ROWS}

OTHER_CODES = {
    ("EQUIPMENT", "CUSI"): "says that customs chose it for inspection, not that it was stopped",
    ("EQUIPMENT", "CUSS"): "says that customs chose it for a scan, not that it was stopped",
    ("EQUIPMENT", "LOAD"): "says that the container is on board, not that it left",
    ("EQUIPMENT", "DISC"): "says that the container is off board; the transport's arrival says arrived",
    ("EQUIPMENT", "GTOT"): "says that the container left a terminal, whoever took it; its drop-off says delivered",
    ("SHIPMENT", "REJE"): "is the carrier's refusal, not customs'",
    ("SHIPMENT", "DECL"): "is the carrier's refusal, not customs'",
    ("SHIPMENT", "VOID"): "is the end of a document, not of a shipment",
    ("SHIPMENT", "SURR"): "is a document's way, not the goods'",
    ("SHIPMENT", "CMPL"): "is the end of the booking's paperwork; a drop-off says delivered",
}
"""Codes that come near to a milestone, and why they are none."""
NO_STEP = "is no milestone of a shipment"
NOT_READ = {
    "IOT": "tells what a device measured, which no milestone holds",
    "REEFER": "tells what a reefer measured, which no milestone holds",
}

REFERENCES = (
    ("shipmentReferences", "CSI", "the customer's own number of the shipment"),
    ("shipmentReferences", "SI", "the shipper's reference"),
    ("documentReference", "BKG", "the booking's number"),
    ("additionalDocumentReferences", "BKG", "the booking's number"),
)
"""What names a shipment, the first that is told: exporters know their own numbers before they know the carrier's."""

FIELDS = {
    "transportDetails": "the vessel and its voyage have no place in a milestone",
    "equipmentDetails": "the container has no place in a milestone",
    "iotDetails": "what a device measured has no place in a milestone",
    "reeferDetails": "what a reefer measured has no place in a milestone",
}
"""Parts of an event that are not handed on."""
CLASSIFIERS = {
    "EST": "says what is expected, which is no milestone yet",
    "PLN": "says what is planned, which is no milestone yet",
}
