"""Which step of a shipment's life an event of version 2.2 tells of, as a table; docs/ingest/dcsa.md shows it to people.

Sources: DCSA's OpenAPI document `tnt_v2.2.0` and the reference data of its Information Model 3.3.
"""

from services.ingest.domain.formats.dcsa.table import Row
from shared.events import (
    ShipmentArrived,
    ShipmentCancelled,
    ShipmentDelivered,
    ShipmentDeparted,
    ShipmentHeld,
    ShipmentReleased,
)

SUBTYPES = {
    "SHIPMENT": "shipmentEventTypeCode",
    "TRANSPORT": "transportEventTypeCode",
    "EQUIPMENT": "equipmentEventTypeCode",
}
"""Kinds of events, and the field that says more of each; `eventTypeCode` is its older name."""
OLDER_NAME = "eventTypeCode"

_MODE = ("transportCall/modeOfTransport", "VESSEL")
_CUSTOMER = ("transportCall/facilityTypeCode", ("CLOC",))

ROWS = (
    Row("TRANSPORT", "DEPA", ShipmentDeparted, "the vessel leaves", needs=(_MODE,)),
    Row("TRANSPORT", "ARRI", ShipmentArrived, "the vessel arrives", needs=(_MODE,)),
    Row(
        "EQUIPMENT",
        "DROP",
        ShipmentDelivered,
        "the laden container was brought to the customer",
        only=(_CUSTOMER,),
        needs=(("emptyIndicatorCode", "LADEN"),),
    ),
    Row("SHIPMENT", "HOLD", ShipmentHeld, "is on hold"),
    Row("SHIPMENT", "RELS", ShipmentReleased, "the hold ended"),
    Row("SHIPMENT", "CANC", ShipmentCancelled, "the booking was cancelled (a code of version 2.3)"),
)
BY_CODE = {(row.kind, row.code): row for row in ROWS}

OTHER_CODES = {
    ("EQUIPMENT", "LOAD"): "says that the container is on board, not that it left",
    ("EQUIPMENT", "DISC"): "says that the container is off board; the transport's arrival says arrived",
    ("EQUIPMENT", "GTIN"): "says that the container entered a terminal, of export or import",
    ("EQUIPMENT", "GTOT"): "says that the container left a terminal, whoever took it; its drop-off says delivered",
    ("EQUIPMENT", "PICK"): "says that the container was collected, empty or before the export",
    ("EQUIPMENT", "INSP"): "says that the container was looked at, not that it was stopped or let through",
    ("SHIPMENT", "REJE"): "is the carrier's refusal of a document, not customs'",
    ("SHIPMENT", "VOID"): "is the end of a document, not of a shipment",
    ("SHIPMENT", "SURR"): "is a document's way, not the goods'",
    ("SHIPMENT", "CMPL"): "is the end of an activity or its paperwork; a drop-off says delivered",
}
"""Codes that come near to a milestone, and why they are none."""

REFERENCES = (
    ("references", "CSI", "the customer's own number of the shipment (of version 2.3)"),
    ("references", "SI", "the shipper's reference"),
    ("documentReferences", "BKG", "the booking's number"),
)
"""What names a shipment, the first that is told."""
BOOKING = "BKG"
"""With this `documentTypeCode` the `documentID` is the booking's number."""
PAIRS = {
    "references": ("referenceType", "referenceValue"),
    "documentReferences": ("documentReferenceType", "documentReferenceValue"),
}

FIELDS = {
    "transportCall": "the vessel, its voyage and its terminal have no place in a milestone",
    "equipmentReference": "the container has no place in a milestone",
    "seals": "seals have no place in a milestone",
    "delayReasonCode": "why a vessel is late has no place in a milestone",
    "changeRemark": "remarks about the schedule have no place in a milestone",
}
"""Parts of an event that are not handed on; of `transportCall` the place is."""
