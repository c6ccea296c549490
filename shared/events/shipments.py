"""Shipments: declarations, milestones, what officers decide of them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.errors import UnfitError
from shared.events.words import Commodity, Country, Id, In, Moment, Money, Text, refuse_twins
from shared.masses import Mass


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A document that a licence or a regime asks for, e.g. a sustainability certificate (`valid_until` exclusive)."""

    kind: Id
    reference: Id
    valid_from: Moment
    valid_until: Moment

    def __post_init__(self) -> None:
        """Raise UnfitError when the validity is empty."""
        if self.valid_until <= self.valid_from:
            raise UnfitError("valid_until must be later than valid_from", "valid_until")


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One kind of goods in a shipment, with the licences that the exporter draws on, if any."""

    line_no: Annotated[int, Meta(ge=1, le=9999)]
    commodity: Commodity
    net_mass: Mass
    gross_mass: Mass | None = None
    value: Money | None = None
    licence_id: Id | None = None
    other_licence_ids: Annotated[tuple[Id, ...], Meta(max_length=10)] = ()
    """Further licences, where the authorities of several regimes each require their own."""

    def __post_init__(self) -> None:
        """Raise UnfitError when there is nothing on the line, or its packing weighs less than nothing."""
        if not self.net_mass.value:
            raise UnfitError("net_mass must be more than zero", "net_mass")
        if self.gross_mass is not None and self.gross_mass.mg < self.net_mass.mg:
            raise UnfitError("gross_mass must not be less than net_mass", "gross_mass")

    @property
    def licences(self) -> tuple[str, ...]:
        """All licences that the line names."""
        first = (self.licence_id,) if self.licence_id else ()
        if not self.other_licence_ids:
            return first
        return tuple(dict.fromkeys((*first, *self.other_licence_ids)))


class Declaration(In, frozen=True, kw_only=True):
    """What an exporter declares of a shipment."""

    ENTITY = "shipment_id"
    shipment_id: Id
    exporter: Id
    consignee: Id
    end_user: Id | None = None
    end_use: Id | None = None
    origin: Country
    destination: Country
    re_exported_to: Country | None = None
    """Where the goods go on to from their destination, if that is intended."""
    port: Id | None = None
    """Where the goods leave (UN/LOCODE)."""
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=50)] = ()
    lines: Annotated[tuple[ShipmentLine, ...], Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """Raise UnfitError when a line number stands twice."""
        refuse_twins("lines", self.lines, "line_no")


class ShipmentDeclared(Declaration, frozen=True, kw_only=True):
    """Goods were declared for export; this is what is decided."""

    TYPE = "trade.shipment.declared"


class ShipmentCorrected(Declaration, frozen=True, kw_only=True):
    """A declaration was replaced by this one, at whatever stage; the shipment is decided anew."""

    TYPE = "trade.shipment.corrected"
    reason: Text = ""


class ShipmentMilestone(In, frozen=True, kw_only=True):
    """A step in a declared shipment's life."""

    ENTITY = "shipment_id"
    shipment_id: Id
    reason: Text = ""
    location: Id | None = None
    """UN/LOCODE or name of the place."""


class ShipmentCleared(ShipmentMilestone, frozen=True, kw_only=True):
    """Customs cleared the goods for export."""

    TYPE = "trade.shipment.cleared"


class ShipmentHeld(ShipmentMilestone, frozen=True, kw_only=True):
    """An authority stopped the shipment for examination."""

    TYPE = "trade.shipment.held"


class ShipmentReleased(ShipmentMilestone, frozen=True, kw_only=True):
    """The authority let a held shipment go on."""

    TYPE = "trade.shipment.released"


class ShipmentDeparted(ShipmentMilestone, frozen=True, kw_only=True):
    """The goods left the country of origin."""

    TYPE = "trade.shipment.departed"


class ShipmentArrived(ShipmentMilestone, frozen=True, kw_only=True):
    """The goods arrived in the country of destination."""

    TYPE = "trade.shipment.arrived"


class ShipmentDelivered(ShipmentMilestone, frozen=True, kw_only=True):
    """The consignee has the goods."""

    TYPE = "trade.shipment.delivered"


class ShipmentRejected(ShipmentMilestone, frozen=True, kw_only=True):
    """Customs refused the export."""

    TYPE = "trade.shipment.rejected"


class ShipmentCancelled(ShipmentMilestone, frozen=True, kw_only=True):
    """The exporter withdrew the declaration."""

    TYPE = "trade.shipment.cancelled"


Why = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=r"^[^\x00]+$",
        description="a reason of 1 to 2,000 characters, without NUL",
    ),
]


class _Review(In, frozen=True, kw_only=True):
    ENTITY = "shipment_id"
    shipment_id: Id
    officer: Id
    reason: Why


class ReviewReleased(_Review, frozen=True, kw_only=True):
    """An officer released a shipment that the rules had held."""

    TYPE = "trade.review.released"


class ReviewRejected(_Review, frozen=True, kw_only=True):
    """An officer rejected a shipment that the rules had held."""

    TYPE = "trade.review.rejected"


class ReviewOverridden(_Review, frozen=True, kw_only=True):
    """An officer permits a shipment against the rules; a balance alone cannot be overridden."""

    TYPE = "trade.review.overridden"
