"""Licences and the steps of their lives."""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.errors import UnfitError
from shared.events.words import (
    Country,
    Destinations,
    Id,
    In,
    LicenceKind,
    Measure,
    Moment,
    Money,
    Selector,
    Text,
    refuse_twins,
)
from shared.masses import Mass


class LicenceBatchIssued(In, frozen=True, kw_only=True):
    """An authority issued a batch of licences; the licences themselves follow as events."""

    TYPE = "trade.licence.batch_issued"
    ENTITY = "batch_id"
    batch_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: tuple[Selector, ...] = ()
    destinations: Destinations = Destinations()
    licence_count: Annotated[int, Meta(ge=0)] | None = None


class LicenceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Goods and how much of them a licence permits, by mass, by value or both; neither: without limit."""

    line_no: Annotated[int, Meta(ge=1, le=9999)]
    covers: Selector
    mass: Mass | None = None
    measure: Measure = "net"
    value: Money | None = None


class LicenceTerms(In, frozen=True, kw_only=True):
    """A permission to one exporter; an empty list of consignees, end users or end uses does not restrict."""

    ENTITY = "licence_id"
    licence_id: Id
    kind: LicenceKind = "individual"
    authority: Id
    batch_id: Id | None = None
    exporter: Id
    origin: Country
    destinations: Annotated[tuple[Country, ...], Meta(min_length=1, max_length=250)]
    consignees: tuple[Id, ...] = ()
    end_users: tuple[Id, ...] = ()
    end_uses: tuple[Id, ...] = ()
    ports: tuple[Id, ...] = ()
    """Where the goods may leave (UN/LOCODE); empty: anywhere."""
    bars_re_export: bool = False
    needs_evidence: tuple[Id, ...] = ()
    """Kinds of evidence, e.g. a sustainability certificate, that must be valid at declaration and at clearance."""
    report_within_days: Annotated[int, Meta(ge=1, le=3660)] | None = None
    """The exporter must report each use within so many days."""
    valid_from: Moment
    valid_until: Moment
    """Exclusive."""
    lines: Annotated[tuple[LicenceLine, ...], Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """Raise UnfitError when the validity is empty, a line number stands twice or the kind forbids the terms."""
        if self.valid_until <= self.valid_from:
            raise UnfitError("valid_until must be later than valid_from", "valid_until")
        refuse_twins("lines", self.lines, "line_no")
        if self.kind == "individual" and len(self.end_users) > 1:
            raise UnfitError("an individual licence has one end user; several are for a general one", "end_users")
        for index, line in enumerate(self.lines):
            if self.kind == "certificate" and (line.mass or line.value):
                field = "mass" if line.mass else "value"
                raise UnfitError("a certificate registers exports and grants no quantity", "lines", index, field)


class LicenceApplied(LicenceTerms, frozen=True, kw_only=True):
    """A licence was applied for; nothing may be drawn yet."""

    TYPE = "trade.licence.applied"


class LicenceIssued(LicenceTerms, frozen=True, kw_only=True):
    """A licence was issued."""

    TYPE = "trade.licence.issued"


class LicenceAmended(LicenceTerms, frozen=True, kw_only=True):
    """A licence's terms were replaced by these; what was drawn stays drawn."""

    TYPE = "trade.licence.amended"


class LicenceUseBroughtForward(In, frozen=True, kw_only=True):
    """An opening balance: what of a licence's line was used before its shipments are known here."""

    TYPE = "trade.licence.use_brought_forward"
    ENTITY = "licence_id"
    licence_id: Id
    line_no: Annotated[int, Meta(ge=1, le=9999)]
    mass: Mass | None = None
    value: Money | None = None

    def __post_init__(self) -> None:
        """Raise UnfitError when nothing is brought forward."""
        if self.mass is None and self.value is None:
            raise UnfitError("mass or value must be given", "mass")


class LicenceSurrendered(In, frozen=True, kw_only=True):
    """The exporter handed a licence back; it ends for good at the event's time."""

    TYPE = "trade.licence.surrendered"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


class LicenceSuspended(In, frozen=True, kw_only=True):
    """A licence may not be drawn from the event's time on, until it is reinstated."""

    TYPE = "trade.licence.suspended"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


class LicenceReinstated(In, frozen=True, kw_only=True):
    """A suspended licence may be drawn again from the event's time on."""

    TYPE = "trade.licence.reinstated"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


class LicenceRevoked(In, frozen=True, kw_only=True):
    """A licence ended for good at the event's time."""

    TYPE = "trade.licence.revoked"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""
