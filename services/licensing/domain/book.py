"""The working set of one batch, and what deciding it brought about."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from services.licensing.domain.lanes import Lane, LaneChange
from services.licensing.domain.ledger import Account, Entry
from services.licensing.domain.licences import Licence
from services.licensing.domain.monitoring.basis import Basis
from services.licensing.domain.monitoring.rulebooks import RolledOut
from services.licensing.domain.policy import Policy
from services.licensing.domain.prices import PriceSeries
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from services.licensing.domain.shipments import Shipment
from services.licensing.domain.sources import Seen, Source
from shared.cloudevents import Event, entity_key
from shared.events import LicenceBatchIssued, Reason, Rule, TradeData

OVERDUE_AT_ONCE = 2000
"""So many events at most end their waiting with one tick; the others do with the next ones."""


A_DAY = timedelta(days=1)


class Missing(Exception):
    """Deciding needs something that was not loaded: load it as well and decide the batch anew."""

    def __init__(self, kind: str, *keys: str) -> None:
        super().__init__(f"{kind} {', '.join(keys)}")
        self.kind = kind
        self.keys = keys


class Noticed(NamedTuple):
    """What a monitoring rule said of a shipment: of which lines, if not of the whole; or how it failed."""

    rule: Rule
    lines: tuple[int, ...]
    says: str
    failure: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What a decision owes to the monitoring rules, and what these were asked on."""

    rulebook: str | None = None
    """The version of the rules; none were in force, or none were asked."""
    noticed: tuple[Noticed, ...] = ()
    basis: Basis | None = None
    """Absent where nothing was judged, as when an officer rejects a shipment."""


NOT_ASKED = Asked()


class Decision(msgspec.Struct, frozen=True):
    """What was decided of a shipment, and why."""

    decision_id: str
    shipment_id: str
    outcome: str
    reasons: tuple[Reason, ...]
    ledger_entries: tuple[str, ...]
    caused_by: str
    at: datetime
    supersedes: str | None = None
    licences: tuple[str, ...] = ()
    """Those that the shipment named when it was decided."""
    asked: Asked = NOT_ASKED


class Past(NamedTuple):
    """An event that was applied, and whether it was taken back since."""

    event: Event[Any]
    is_retracted: bool


class Ending(msgspec.Struct, frozen=True):
    """What became of an event: `decided` with an outcome, `parked` until something comes, or `dead`."""

    status: str
    outcome: str
    waiting_for: str | None = None
    pointer: str | None = None
    deadline: datetime | None = None
    """Until when a parked event may wait."""
    parking: int = 0
    """Its place among the parkings of the batch; what waits is taken up in the order in which it was parked."""


class Parked(NamedTuple):
    """An event that waits."""

    event: Event[TradeData]
    waiting_for: str
    deadline: datetime


def _by_deadline(parked: Parked) -> tuple[datetime, str]:
    return parked.deadline, parked.event.name


@dataclass(slots=True)
class Book:
    """What a batch may read and change. Everything in it is locked, but for what is only viewed."""

    policy: Policy
    clock: datetime | None = None
    regimes: dict[str, Regime] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    rulebooks: dict[str, RolledOut] = field(default_factory=dict)
    """Monitoring rules by version."""
    sources: dict[str, Source] = field(default_factory=dict)
    """All that are known, where the batch holds a tick."""
    seen: dict[str, Seen] = field(default_factory=dict)
    """By source: what its events say of it; of all sources where the batch holds a tick."""
    prices: dict[str, PriceSeries | None] = field(default_factory=dict)
    """By series; None: no price stands."""
    licences: dict[str, Licence] = field(default_factory=dict)
    batches: dict[str, LicenceBatchIssued] = field(default_factory=dict)
    batches_issued: dict[str, datetime] = field(default_factory=dict)
    """Those that this book brought, and when."""
    accounts: dict[str, Account] = field(default_factory=dict)
    shipments: dict[str, Shipment] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    parked: dict[str, dict[str, Parked]] = field(default_factory=dict)
    """By what is waited for: all that waits for `wakes`, and whatever is due by the batch's latest tick."""
    wakes: set[str] = field(default_factory=set)
    """What the batch may bring."""
    due_licences: set[str] = field(default_factory=set)
    """Licences whose validity begins or ends by the batch's latest tick."""
    lane_families: set[tuple[str, str]] = field(default_factory=set)
    """Commodity group and origin of which every lane is loaded."""
    lane_groups: set[str] = field(default_factory=set)
    """Commodity groups of which every lane is loaded, whatever its origin."""
    histories: dict[str, list[Past]] = field(default_factory=dict)
    """By entity, of those of which an event may be taken back: what was applied, in that order."""

    entries: list[Entry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    lane_changes: list[tuple[LaneChange, str]] = field(default_factory=list)
    alerts: list[Event[Any]] = field(default_factory=list)
    woken: list[Parked] = field(default_factory=list)
    """Parked events that were taken up, or taken up and parked anew."""
    parkings: int = 0
    removed: set[tuple[str, str]] = field(default_factory=set)
    """Kind and key of regimes, quotas and rulebooks of which no beginning is left."""
    retracted: dict[str, str] = field(default_factory=dict)
    """By the name of what was taken back: the event that did it."""
    superseded: dict[str, str] = field(default_factory=dict)
    """By decision that no longer stands: the one that does."""
    applied: dict[str, None] = field(default_factory=dict)
    """The names of the events that were decided or ended, in that order."""
    endings: dict[str, Ending] = field(default_factory=dict)
    """By the event's name."""
    touched: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By kind: the keys of what changed and is to be written."""

    def plausible(self, at: datetime) -> datetime:
        """Return the time, or a day after the log's own clock if that is earlier.

        What a lane remembers must not follow one event that is dated years ahead.
        """
        if self.clock is None or at <= self.clock:
            return at
        return min(at, self.clock + A_DAY)

    def touch(self, kind: str, key: str) -> None:
        """Note that a thing changed."""
        self.touched[kind].add(key)

    def price(self, price_id: str) -> PriceSeries | None:
        """Return a locked price series, or None where no price stands. Raises Missing."""
        try:
            return self.prices[price_id]
        except KeyError:
            raise Missing("price", price_id) from None

    def licence(self, licence_id: str) -> Licence:
        """Return a locked licence. Raises Missing."""
        try:
            return self.licences[licence_id]
        except KeyError:
            raise Missing("licence", licence_id) from None

    def account(self, account_id: str) -> Account:
        """Return a locked account. Raises Missing."""
        try:
            return self.accounts[account_id]
        except KeyError:
            raise Missing("account", account_id) from None

    def has_lane(self, lane_id: str) -> bool:
        """Return whether a lane is in the book."""
        return lane_id in self.lanes

    def lane(self, lane_id: str) -> Lane:
        """Return a locked lane. Raises Missing."""
        try:
            return self.lanes[lane_id]
        except KeyError:
            raise Missing("lane", lane_id) from None

    def family(self, group: str, origin: str) -> list[Lane]:
        """Return every lane of a commodity group and origin that some event has brought into being.

        Lanes that only a later event of the batch will bring are in the book, and not meant.
        Raises Missing.
        """
        if (group, origin) not in self.lane_families:
            raise Missing("family", f"{group}:{origin}")
        family = (lane for lane in self.lanes.values() if (lane.commodity_group, lane.origin) == (group, origin))
        return [lane for lane in family if lane.stats.gate_as_of is not None]

    def lanes_of(self, group: str) -> list[Lane]:
        """Return every lane of a commodity group. Raises Missing."""
        if group not in self.lane_groups:
            raise Missing("group", group)
        return [lane for lane in self.lanes.values() if lane.commodity_group == group]

    def waiting_for(self, key: str) -> list[Parked]:
        """Take out, in their order, the events that wait for a thing. Raises Missing."""
        if key not in self.wakes:
            raise Missing("wake", key)
        return self.take_waiting(key)

    def take_waiting(self, key: str) -> list[Parked]:
        """Take out, in their order, the loaded events that wait for a thing."""
        waiting = self.parked.pop(key, None)
        return list(waiting.values()) if waiting else []

    def park(self, parked: Parked) -> None:
        """Let an event wait behind those that wait for the same."""
        self.parked.setdefault(parked.waiting_for, {})[parked.event.name] = parked

    def unpark(self, parked: Parked) -> bool:
        """Take out a waiting event; return whether it was still waiting."""
        return self.parked.get(parked.waiting_for, {}).pop(parked.event.name, None) is not None

    def find_parked(self, name: str) -> Parked | None:
        """Return a waiting event by its name."""
        return next((waiting[name] for waiting in self.parked.values() if name in waiting), None)

    def overdue(self, now: datetime) -> list[Parked]:
        """Return what may wait no longer, the earliest deadline first.

        Of what waits for something else than its share of a quota only so many at once, so that no tick takes long.
        """
        every = (parked for waiting in self.parked.values() for parked in waiting.values() if parked.deadline <= now)
        due, others = [], 0
        for parked in sorted(every, key=_by_deadline):
            others += not parked.waiting_for.startswith("allotment:")
            if others <= OVERDUE_AT_ONCE or parked.waiting_for.startswith("allotment:"):
                due.append(parked)
        return due

    def history(self, entity: str) -> list[Past]:
        """Return what was applied to a thing, oldest first. Raises Missing."""
        try:
            return self.histories[entity]
        except KeyError:
            raise Missing("history", entity) from None

    def remember(self, event: Event[Any]) -> None:
        """Add an event that was applied to its thing's history, where that is in the book."""
        if self.histories and (entity := entity_key(event)) in self.histories:
            self.histories[entity].append(Past(event, is_retracted=False))

    def retract(self, past: Past, by: str) -> None:
        """Note that an event was taken back."""
        history = self.histories[entity_key(past.event)]
        history[history.index(past)] = Past(past.event, is_retracted=True)
        self.retracted[past.event.name] = by
