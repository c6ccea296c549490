"""Regimes as dated overlays: in force from a date, suspended for spans, back by themselves afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from services.licensing.domain.commodities import admits, implies, matches_any, might_match
from shared.events import (
    Commodity,
    Destinations,
    RegimeAmended,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    RegimeTerms,
    Requirement,
    Selector,
)

Span = tuple[datetime, datetime | None]
"""From, and until when (exclusive; None: open)."""


Reach = Literal["covered", "unclear", "outside"]


class InPhase(msgspec.Struct, frozen=True):
    """What a regime asks, and of what, at a time."""

    requires: Requirement
    covers: tuple[Selector, ...]
    destinations: Destinations


@dataclass(slots=True)
class Regime:
    """A control programme with its suspensions."""

    terms: RegimeTerms
    suspensions: tuple[Span, ...] = ()
    ended_at: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        """Return whether the regime applies at the time."""
        until = self.terms.effective_until
        return (
            self.terms.effective_from <= at
            and (until is None or at < until)
            and (self.ended_at is None or at < self.ended_at)
            and not (
                self.suspensions and any(start <= at and (end is None or at < end) for start, end in self.suspensions)
            )
        )

    def phase(self, at: datetime) -> InPhase:
        """Return what the regime asks in the phase that a time is in."""
        terms = self.terms
        phase = None
        if terms.phases:
            phase = next((phase for phase in reversed(terms.phases) if phase.effective_from <= at), None)
        if phase is None:
            return InPhase(terms.requires, terms.covers, terms.destinations)
        return InPhase(
            phase.requires or terms.requires,
            terms.covers if phase.covers is None else phase.covers,
            terms.destinations if phase.destinations is None else phase.destinations,
        )

    def selectors(self) -> tuple[Selector, ...]:
        """Return what the regime covers in any of its phases."""
        return (*self.terms.covers, *(s for phase in self.terms.phases for s in phase.covers or ()))

    def boundaries(self) -> Iterable[datetime]:
        """Return the times at which being in force, or what is asked, may change."""
        yield self.terms.effective_from
        for phase in self.terms.phases:
            yield phase.effective_from
        for moment in (self.terms.effective_until, self.ended_at):
            if moment is not None:
                yield moment
        for start, end in self.suspensions:
            yield start
            if end is not None:
                yield end

    def reach(self, goods: Commodity, origin: str, destination: str, at: datetime) -> Reach:
        """Return whether such a shipment line is under the regime while it is in force.

        `unclear`: it would be, if the goods contained elements that the declaration does not name.
        """
        phase = self.phase(at)
        if self.terms.origin != origin or not admits(phase.destinations, destination):
            return "outside"
        if matches_any(phase.covers, goods):
            return "covered"
        return "unclear" if any(might_match(selector, goods) for selector in phase.covers) else "outside"

    def covers_lane(self, group: Selector, origin: str, destination: str | None, at: datetime) -> bool:
        """Return whether all goods of a lane are under the regime; `destination` None asks for all of them."""
        phase = self.phase(at)
        everywhere = not phase.destinations.include and not phase.destinations.exclude
        reached = everywhere if destination is None else admits(phase.destinations, destination)
        return self.terms.origin == origin and reached and any(implies(group, s) for s in phase.covers)

    def ever_covers_lane(self, group: Selector, origin: str, destination: str | None) -> bool:
        """Return whether all goods of a lane are under the regime in any of its phases."""
        starts = (self.terms.effective_from, *(phase.effective_from for phase in self.terms.phases))
        return any(self.covers_lane(group, origin, destination, at) for at in starts)


def announced(data: RegimeAnnounced | RegimeAmended, before: Regime | None) -> Regime:
    """Return the regime with these terms; an amendment keeps the suspensions."""
    return Regime(data, before.suspensions if before else (), before.ended_at if before else None)


def changed(regime: Regime, data: RegimeSuspended | RegimeReinstated | RegimeEnded, at: datetime) -> Regime:
    """Return the regime after a suspension, reinstatement or end."""
    match data:
        case RegimeSuspended():
            span = (data.suspended_from, data.suspended_until)
            return Regime(regime.terms, (*regime.suspensions, span), regime.ended_at)
        case RegimeReinstated():
            cut = tuple(
                (start, at if end is None or end > at else end) for start, end in regime.suspensions if start < at
            )
            return Regime(regime.terms, cut, regime.ended_at)
        case RegimeEnded():
            return Regime(regime.terms, regime.suspensions, at)
