"""Quotas: which shipments draw on them, and in which period."""

from dataclasses import dataclass
from datetime import datetime

from services.licensing.domain.commodities import admits, implies, matches_any
from shared.events import Commodity, QuotaOpened, Selector, ShipmentDeclared


@dataclass(slots=True)
class Quota:
    """A quantity for goods and a period; its account holds what its tranches released."""

    terms: QuotaOpened
    closed_at: datetime | None = None

    @property
    def account_id(self) -> str:
        """The id of the quota's account."""
        return f"quota:{self.terms.quota_id}"

    def is_open(self, at: datetime) -> bool:
        """Return whether the quota's period contains the time and it was not closed."""
        return self.in_period(at) and (self.closed_at is None or at < self.closed_at)

    def in_period(self, at: datetime) -> bool:
        """Return whether the time is inside the period; its end is exclusive."""
        return self.terms.period_start <= at < self.terms.period_end

    def concerns(self, shipment: ShipmentDeclared, goods: Commodity) -> bool:
        """Return whether goods of the shipment draw on the quota while its period lasts."""
        terms = self.terms
        return (
            terms.origin == shipment.origin
            and admits(terms.destinations, shipment.destination)
            and (not terms.exporters or shipment.exporter in terms.exporters)
            and (not terms.end_uses or shipment.end_use in terms.end_uses)
            and matches_any(terms.covers, goods)
        )

    def governs_lane(self, group: Selector, origin: str, destination: str | None) -> bool:
        """Return whether nothing of a lane passes outside the quota; `destination` None asks for all of them."""
        terms = self.terms
        everywhere = not terms.destinations.include and not terms.destinations.exclude
        reached = everywhere if destination is None else admits(terms.destinations, destination)
        limited = bool(terms.exporters or terms.end_uses)
        return terms.origin == origin and reached and not limited and any(implies(group, s) for s in terms.covers)
