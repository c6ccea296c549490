"""Control programmes as regulators announce and change them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.errors import UnfitError
from shared.events.words import Country, Destinations, Id, In, LicenceKind, Moment, Selector, Text, Tolerance

Requirement = Literal["licence", "registration", "prohibition", "nothing"]
"""What a regime asks of an export. `registration` is satisfied by a certificate too; `nothing` only watches."""


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What changes in a regime from a date on; a field that is absent stays as in the regime's terms."""

    phase_id: Id
    effective_from: Moment
    requires: Requirement | None = None
    covers: tuple[Selector, ...] | None = None
    destinations: Destinations | None = None


class MaxValidity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many months a regime lets a kind of licence be valid."""

    kind: LicenceKind
    months: Annotated[int, Meta(ge=1, le=600)]


class RegimeTerms(In, frozen=True, kw_only=True):
    """A control programme: goods of `covers` from `origin` need a licence from `effective_from` on."""

    ENTITY = "regime_id"
    regime_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: Annotated[tuple[Selector, ...], Meta(min_length=1, max_length=200)]
    destinations: Destinations = Destinations()
    effective_from: Moment
    effective_until: Moment | None = None
    requires: Requirement = "licence"
    licensed_by: Id | None = None
    """Whose licences satisfy the regime, e.g. one of several authorities that announced it; absent: `authority`."""
    phases: Annotated[tuple[Phase, ...], Meta(max_length=50)] = ()
    """Each replaces, from its date to the next one's, what it gives; before the first the terms stand alone."""
    accepts: tuple[LicenceKind, ...] = ()
    """Which kinds of licence satisfy the regime; empty: every kind but a certificate."""
    max_validity: tuple[MaxValidity, ...] = ()
    exempt_end_uses: tuple[Id, ...] = ()
    barred_end_uses: tuple[Id, ...] = ()
    """No licence helps for these, e.g. military ones."""
    barred_end_users: tuple[Id, ...] = ()
    needs_evidence: tuple[Id, ...] = ()
    """Kinds of evidence that a shipment must carry, valid at declaration and at clearance."""
    mass_tolerance: Tolerance = Tolerance()
    value_tolerance: Tolerance = Tolerance()
    beyond_mass: Literal["deny", "warn"] = "deny"
    """What becomes of a shipment that asks for more mass than a licence has left."""
    beyond_value: Literal["deny", "warn"] = "deny"

    def __post_init__(self) -> None:
        """Raise UnfitError when the regime would end before it begins, or its phases are not in order."""
        if self.effective_until is not None and self.effective_until <= self.effective_from:
            raise UnfitError("effective_until must be later than effective_from", "effective_until")
        latest = self.effective_from
        for index, phase in enumerate(self.phases):
            if phase.effective_from <= latest:
                reason = "phases must begin one after the other, later than the regime's effective_from"
                raise UnfitError(reason, "phases", index, "effective_from")
            latest = phase.effective_from


class RegimeAnnounced(RegimeTerms, frozen=True, kw_only=True):
    """A regime was announced."""

    TYPE = "trade.regime.announced"


class RegimeAmended(RegimeTerms, frozen=True, kw_only=True):
    """A regime's terms were replaced by these."""

    TYPE = "trade.regime.amended"


class RegimeSuspended(In, frozen=True, kw_only=True):
    """A regime does not apply from `suspended_from` until `suspended_until` (exclusive; open if absent)."""

    TYPE = "trade.regime.suspended"
    ENTITY = "regime_id"
    regime_id: Id
    suspended_from: Moment
    suspended_until: Moment | None = None
    reason: Text = ""

    def __post_init__(self) -> None:
        """Raise UnfitError when the suspension would end before it begins."""
        if self.suspended_until is not None and self.suspended_until <= self.suspended_from:
            raise UnfitError("suspended_until must be later than suspended_from", "suspended_until")


class RegimeReinstated(In, frozen=True, kw_only=True):
    """A suspended regime applies again from the event's time on."""

    TYPE = "trade.regime.reinstated"
    ENTITY = "regime_id"
    regime_id: Id
    reason: Text = ""


class RegimeEnded(In, frozen=True, kw_only=True):
    """A regime ended at the event's time."""

    TYPE = "trade.regime.ended"
    ENTITY = "regime_id"
    regime_id: Id
    reason: Text = ""
