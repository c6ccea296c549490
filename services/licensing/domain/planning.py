"""What a batch needs from the database before it can be decided, and what it must lock."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.licensing.domain.applying import BRINGS
from services.licensing.domain.book import Missing
from services.licensing.domain.lanes import lane_ids
from services.licensing.domain.policy import Policy
from shared.cloudevents import Event, entity_key
from shared.events import (
    ClockTicked,
    LicenceReinstated,
    LicenceRevoked,
    LicenceSuspended,
    LicenceTerms,
    QuotaClosed,
    QuotaOpened,
    QuotaTrancheReleased,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    RegimeTerms,
    ShipmentDeclared,
    ShipmentMilestone,
    TradeData,
)

_REGISTER = (RegimeTerms, RegimeSuspended, RegimeReinstated, RegimeEnded, QuotaOpened, QuotaClosed, ClockTicked)


_SETS = {"licence": "licences", "account": "accounts", "lane": "lanes", "gate": "gates", "wake": "wakes"}
"""By kind of what is missing: where it is noted."""


@dataclass(slots=True)
class Keys:
    """What to lock and load. It only grows, until a batch can be decided with it."""

    has_register_change: bool = False
    """Regimes and quotas may change: no one else may decide meanwhile."""
    tick: datetime | None = None
    licences: set[str] = field(default_factory=set)
    licences_changed: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    shipments: set[str] = field(default_factory=set)
    lanes: set[str] = field(default_factory=set)
    gates: set[str] = field(default_factory=set)
    families: set[tuple[str, str]] = field(default_factory=set)
    wakes: set[str] = field(default_factory=set)

    def add(self, event: Event[TradeData], policy: Policy) -> None:
        """Take in what one event needs."""
        data = event.data
        if isinstance(data, BRINGS):
            self.wakes.add(entity_key(event))
        if isinstance(data, _REGISTER):
            self.has_register_change = True
        if isinstance(data, ShipmentDeclared):
            self._add_declared(data, policy)
        elif isinstance(data, LicenceTerms):
            self._add_licence(data.licence_id)
            groups = policy.groups_near(tuple(line.covers for line in data.lines))
            self.gates.update(lane_ids(groups, data.origin, data.destinations))
        elif isinstance(data, LicenceSuspended | LicenceReinstated | LicenceRevoked):
            self._add_licence(data.licence_id)
        elif isinstance(data, ShipmentMilestone):
            self.shipments.add(data.shipment_id)
        elif isinstance(data, RegimeTerms | QuotaOpened):
            self.families.update((group, data.origin) for group in policy.groups_within(data.covers))
        elif isinstance(data, QuotaTrancheReleased):
            self.accounts.add(f"quota:{data.quota_id}")
        elif isinstance(data, ClockTicked):
            self.tick = max(data.now, self.tick or data.now)

    def _add_declared(self, data: ShipmentDeclared, policy: Policy) -> None:
        self.shipments.add(data.shipment_id)
        for line in data.lines:
            if line.licence_id:
                self.licences.add(line.licence_id)
            self.lanes.update(lane_ids(policy.groups_of(line.commodity), data.origin, (data.destination,)))

    def _add_licence(self, licence_id: str) -> None:
        self.licences.add(licence_id)
        self.licences_changed.add(licence_id)

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
