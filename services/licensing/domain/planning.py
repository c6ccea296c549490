"""What a batch needs from the database before it can be decided, and what it must lock."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.licensing.domain.applying import wakes
from services.licensing.domain.book import Missing
from services.licensing.domain.policy import Policy
from shared.cloudevents import Event
from shared.events import (
    ClockTicked,
    Declaration,
    EventRetracted,
    LicenceBatchIssued,
    LicenceTerms,
    LicenceUseBroughtForward,
    QuotaOpened,
    RegimeTerms,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
    ShipmentCorrected,
    ShipmentMilestone,
    TradeData,
)

_SETS = {
    "licence": "licences",
    "account": "accounts",
    "lane": "lanes",
    "group": "groups",
    "price": "prices",
    "wake": "wakes",
    "history": "histories",
}
"""By kind of what is missing: where it is noted."""
_REVIEWS = (ReviewReleased, ReviewRejected, ReviewOverridden)


@dataclass(slots=True)
class Keys:
    """What to lock and load. It only grows, until a batch can be decided with it."""

    has_register_change: bool = False
    """Regimes and quotas may change: no one else may decide meanwhile."""
    tick: datetime | None = None
    licences: set[str] = field(default_factory=set)
    licences_changed: set[str] = field(default_factory=set)
    """Of these every account is loaded that they ever had."""
    quotas_changed: set[str] = field(default_factory=set)
    """The same."""
    batches: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    shipments: set[str] = field(default_factory=set)
    restated: set[str] = field(default_factory=set)
    """Shipments that may be judged anew: what their declarations name is needed too."""
    lanes: set[str] = field(default_factory=set)
    families: set[tuple[str, str]] = field(default_factory=set)
    """Commodity group and origin of which every lane is needed."""
    groups: set[str] = field(default_factory=set)
    """Commodity groups of which every lane is."""
    prices: set[str] = field(default_factory=set)
    wakes: set[str] = field(default_factory=set)
    histories: set[str] = field(default_factory=set)

    def add(self, event: Event[TradeData], policy: Policy) -> None:
        """Take in what one event needs."""
        data = event.data
        self.wakes.update(wakes(event))
        if isinstance(data, Declaration):
            self.add_declaration(data, policy)
            if isinstance(data, ShipmentCorrected):
                self.restated.add(data.shipment_id)
        elif isinstance(data, ShipmentMilestone):
            self.shipments.add(data.shipment_id)
        elif isinstance(data, _REVIEWS):
            self.shipments.add(data.shipment_id)
            self.restated.add(data.shipment_id)
        elif isinstance(data, ClockTicked):
            self.has_register_change = True
            self.tick = max(data.now, self.tick or data.now)
        elif isinstance(data, EventRetracted):
            self._add_entity(data.entity)
            self.histories.add(data.entity)
        else:
            self._add_register(data, policy)

    def _add_register(self, data: TradeData, policy: Policy) -> None:
        if isinstance(data, RegimeTerms | QuotaOpened):
            self.families.update((group, data.origin) for group in policy.groups_within(data.covers))
        if isinstance(data, LicenceTerms):
            groups = policy.groups_near(tuple(line.covers for line in data.lines))
            self.lanes.update(policy.lane_ids(groups, data.origin, data.destinations, data.exporter))
        if isinstance(data, LicenceUseBroughtForward):
            self.licences.add(data.licence_id)
        elif isinstance(data, LicenceBatchIssued):
            self.batches.add(data.batch_id)
        else:
            self._add_entity(f"{data.ENTITY.removesuffix('_id')}:{getattr(data, data.ENTITY)}")

    def _add_entity(self, entity: str) -> None:
        kind, _, key = entity.partition(":")
        if kind == "licence":
            self.licences.add(key)
            self.licences_changed.add(key)
        elif kind == "shipment":
            self.shipments.add(key)
            self.restated.add(key)
        elif kind == "price":
            self.prices.add(key)
        else:
            self.has_register_change = True
            if kind == "quota":
                self.quotas_changed.add(key)

    def add_declaration(self, data: Declaration, policy: Policy) -> None:
        """Take in what judging a declaration needs."""
        self.shipments.add(data.shipment_id)
        for line in data.lines:
            self.licences.update(line.licences)
            groups = policy.groups_of(line.commodity)
            self.lanes.update(policy.lane_ids(groups, data.origin, (data.destination,), data.exporter))

    def widen(self, missing: Missing) -> bool:
        """Take in what deciding found missing; return whether that is anything new."""
        if missing.kind == "family":
            wanted = {(group, origin) for group, _, origin in (key.partition(":") for key in missing.keys)}
            is_new = not wanted <= self.families
            self.families |= wanted
            return is_new
        known: set[str] = getattr(self, _SETS[missing.kind])
        is_new = not known.issuperset(missing.keys)
        known.update(missing.keys)
        return is_new


def keys_of(events: Iterable[Event[TradeData]], policy: Policy) -> Keys:
    """Return what is known to be needed before anything was read."""
    keys = Keys()
    for event in events:
        keys.add(event, policy)
    return keys
