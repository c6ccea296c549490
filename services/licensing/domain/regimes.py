"""Regimes as dated overlays: in force from a date, suspended for spans, back by themselves afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.licensing.domain.commodities import admits, implies, matches_any
from shared.events import (
    Commodity,
    RegimeAmended,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    RegimeTerms,
    Selector,
)

Span = tuple[datetime, datetime | None]
"""From, and until when (exclusive; None: open)."""


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
            and not any(start <= at and (end is None or at < end) for start, end in self.suspensions)
        )

    def boundaries(self) -> Iterable[datetime]:
        """Return the times at which being in force may change."""
        yield self.terms.effective_from
        for moment in (self.terms.effective_until, self.ended_at):
            if moment is not None:
                yield moment
        for start, end in self.suspensions:
            yield start
            if end is not None:
                yield end

    def covers_goods(self, goods: Commodity, origin: str, destination: str) -> bool:
        """Return whether such a shipment line is under the regime while it is in force."""
        return (
            self.terms.origin == origin
            and admits(self.terms.destinations, destination)
            and matches_any(self.terms.covers, goods)
        )

    def covers_lane(self, group: Selector, origin: str, destination: str | None) -> bool:
        """Return whether all goods of a lane are under the regime; `destination` None asks for all of them."""
        everywhere = not self.terms.destinations.include and not self.terms.destinations.exclude
        reached = everywhere if destination is None else admits(self.terms.destinations, destination)
        return self.terms.origin == origin and reached and any(implies(group, s) for s in self.terms.covers)


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
