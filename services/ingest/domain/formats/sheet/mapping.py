"""A mapping: an event in which columns of a sheet stand in the place of values."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from services.ingest.domain.formats.sheet.origins import (
    Cell,
    CodeOrigin,
    Header,
    ListOrigin,
    NumberOrigin,
    TextOrigin,
    TimeOrigin,
    UnitOrigin,
    WholeOrigin,
)
from services.ingest.domain.formats.sheet.reading import FileForm, Reading
from shared.events import EventSource, Text

MAX_DOCUMENTS = 10
MAX_CONTENTS = 20
Rows = Literal["same_shipment", "same_shipment_or_empty", "single"]
"""Which rows make one event: consecutive ones that name the same shipment are its lines; those that name none may go on
with the one above; or each row is an event."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of an event; `MAIN` names the value without which the part is left out."""

    MAIN: ClassVar[str | None] = None


class MassPart(Part, frozen=True, kw_only=True):
    """A mass; left out where its number is empty."""

    MAIN = "value"
    value: NumberOrigin
    unit: UnitOrigin


class MoneyPart(Part, frozen=True, kw_only=True):
    """An amount of money; left out where its number is empty."""

    MAIN = "amount"
    amount: NumberOrigin
    currency: TextOrigin


class ContentPart(Part, frozen=True, kw_only=True):
    """The share of an element; left out where its number is empty."""

    MAIN = "percent"
    element: TextOrigin
    percent: NumberOrigin


class CommodityPart(Part, frozen=True, kw_only=True):
    """What the goods are."""

    hs: CodeOrigin
    elements: ListOrigin | None = None
    form: TextOrigin | None = None
    control_code: TextOrigin | None = None
    contents: Annotated[tuple[ContentPart, ...], Meta(max_length=MAX_CONTENTS)] = ()


class LinePart(Part, frozen=True, kw_only=True):
    """One row of a shipment."""

    line_no: WholeOrigin | None = None
    """Counted from 1 in each shipment unless said."""
    commodity: CommodityPart
    net_mass: MassPart
    gross_mass: MassPart | None = None
    value: MoneyPart | None = None
    licence_id: TextOrigin | None = None
    other_licence_ids: ListOrigin | None = None


class EvidencePart(Part, frozen=True, kw_only=True):
    """A document; left out where all its columns are empty."""

    kind: TextOrigin
    reference: TextOrigin
    valid_from: TimeOrigin
    valid_until: TimeOrigin


class DeclarationPart(Part, frozen=True, kw_only=True):
    """What is declared of a shipment."""

    shipment_id: TextOrigin
    exporter: TextOrigin
    consignee: TextOrigin
    end_user: TextOrigin | None = None
    end_use: TextOrigin | None = None
    origin: TextOrigin
    destination: TextOrigin
    re_exported_to: TextOrigin | None = None
    port: TextOrigin | None = None
    evidence: Annotated[tuple[EvidencePart, ...], Meta(max_length=MAX_DOCUMENTS)] = ()
    lines: LinePart


class CorrectionPart(DeclarationPart, frozen=True, kw_only=True):
    """What replaces a declaration."""

    reason: TextOrigin | None = None


class MilestonePart(Part, frozen=True, kw_only=True):
    """A step in a shipment's life."""

    shipment_id: TextOrigin
    reason: TextOrigin | None = None
    location: TextOrigin | None = None


class Skip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rows that are no shipments, such as sums: those with one of these words in a column."""

    column: Header
    nth: Annotated[int, Meta(ge=1, le=99)] | None = None
    words: Annotated[tuple[Cell, ...], Meta(min_length=1, max_length=100)]
    """An empty one is an empty cell."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all mappings say."""

    title: Text = ""
    source: EventSource
    """Of the events."""
    id: TextOrigin | None = None
    """Of the events; derived from what each says unless said."""
    time: TimeOrigin
    """When it happened."""
    reading: Reading = Reading()
    file: FileForm = FileForm()
    skip: Annotated[tuple[Skip, ...], Meta(max_length=20)] = ()


class DeclarationMapping(Mapping, frozen=True, kw_only=True):
    """A sheet of declarations."""

    type: Literal["trade.shipment.declared"]
    data: DeclarationPart
    rows: Rows = "same_shipment"


class CorrectionMapping(Mapping, frozen=True, kw_only=True):
    """A sheet of declarations that replace others."""

    type: Literal["trade.shipment.corrected"]
    data: CorrectionPart
    rows: Rows = "same_shipment"


class MilestoneMapping(Mapping, frozen=True, kw_only=True):
    """A sheet of steps of one kind; each row is an event."""

    type: Literal[
        "trade.shipment.cleared",
        "trade.shipment.held",
        "trade.shipment.released",
        "trade.shipment.departed",
        "trade.shipment.arrived",
        "trade.shipment.delivered",
        "trade.shipment.rejected",
        "trade.shipment.cancelled",
    ]
    data: MilestonePart
    rows: Literal["single"] = "single"


AnyMapping = DeclarationMapping | CorrectionMapping | MilestoneMapping
