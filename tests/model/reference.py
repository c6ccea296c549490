"""A second reading of docs/licensing/rules.md: plain, slow, and independent of the engine.

Little is kept that can be worked out: what is reserved or written off is the sum of what the shipments hold,
what is granted follows from the histories. Left out: lanes, alerts, pro-rata quotas, the measure `reo`.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared import events as on
from shared.cloudevents import Event, entity_key
from tests.model import registers as read
from tests.model.shipments import REVIEWS, Shipment, Unfit

FIRST: dict[str, type] = {"licence": on.LicenceIssued, "quota": on.QuotaOpened, "regime": on.RegimeAnnounced}
"""What must have come before the other steps of a thing's life can be applied."""
UNFIT: dict[type, set[str | None]] = {
    on.LicenceApplied: {"issued", "active", "exhausted", "suspended", "expired", "revoked", "surrendered"},
    on.LicenceIssued: {"issued", "active", "exhausted", "suspended", "expired", "revoked", "surrendered"},
    on.LicenceAmended: {"revoked", "surrendered"},
    on.LicenceSuspended: {"applied", "suspended", "expired", "revoked", "surrendered"},
    on.LicenceReinstated: {"applied", "issued", "active", "exhausted", "expired", "revoked", "surrendered"},
    on.LicenceRevoked: {"applied", "revoked", "surrendered"},
    on.LicenceSurrendered: {"revoked", "surrendered"},
}
"""In which states a licence's step is a mistake."""


class Waiting(NamedTuple):
    """An event that waits, and until when at most."""

    event: Event[Any]
    until: datetime


class Reference:
    """Takes events one at a time and knows what must follow."""

    def __init__(self, parking_days: int) -> None:
        self.parking = timedelta(days=parking_days)
        self.clock: datetime | None = None
        self.events: dict[str, Event[Any]] = {}
        self.fates: dict[str, str] = {}
        self.conflicts = 0
        self.histories: dict[str, list[Event[Any]]] = defaultdict(list)
        self.dated: dict[str, str] = {}
        """By licence: how far its dates have taken it."""
        self.opened: dict[str, set[str]] = defaultdict(set)
        """By quota: the tranches that are open."""
        self.void: set[str] = set()
        """Steps that make nothing since what they need was taken out before them."""
        self.months: dict[str, int] = {}
        self.shipments: dict[str, Shipment] = {}
        self.waiting: dict[str, list[Waiting]] = defaultdict(list)
        """By what is waited for: a licence, quota, regime, shipment or event."""
        self.batches: set[str] = set()
        self.retracted: set[str] = set()

    # What can be asked

    def accounts(self) -> dict[str, tuple[int, int, int]]:
        """Return granted, reserved and written off of every account that is not empty."""
        grants, reserved, written = self._grants(), self._held(is_written=False), self._held(is_written=True)
        for key, history in self.histories.items():
            if key.startswith("licence:"):
                written.update(read.brought_forward(history))
        names = {*grants, *reserved, *written}
        found = {name: (grants.get(name, 0), reserved[name], written[name]) for name in names}
        return {name: sums for name, sums in found.items() if any(sums)}

    def endings(self) -> dict[str, str]:
        return self.fates

    def outcome(self, shipment_id: str) -> str | None:
        shipment = self.shipments.get(shipment_id)
        return shipment.outcome if shipment else None

    def licence_state(self, licence_id: str) -> str | None:
        history = self.licence(licence_id)
        state = read.state_apart_from_dates(self.licence(licence_id))
        if state not in {"issued", "suspended"}:
            return state
        dated = self.dated[licence_id]
        if dated == "expired" or state == "suspended":
            return "expired" if dated == "expired" else "suspended"
        return "exhausted" if dated == "active" and self._is_exhausted(licence_id, history) else dated

    def _is_exhausted(self, licence_id: str, history: read.History) -> bool:
        lines: dict[str, list[int]] = defaultdict(list)
        for account, granted in read.licence_grants(licence_id, history).items():
            lines[account.removesuffix(":value")].append(granted - self.used(account))
        if min(lines.pop(f"licence:{licence_id}:uses", [1])) <= 0:
            return True
        return bool(lines) and all(min(left) <= 0 for left in lines.values())

    # What a judgement asks

    def regimes(self, at: datetime) -> list[on.RegimeTerms]:
        keys = sorted(key for key in self.histories if key.startswith("regime:"))
        found = [read.regime_in_force(self._effective(self.histories[key]), at) for key in keys]
        return [terms for terms in found if terms]

    def licence(self, licence_id: str) -> read.History:
        return self._effective(self.histories.get(f"licence:{licence_id}", []))

    def quotas(self) -> dict[str, read.History]:
        names = sorted(key for key in self.histories if key.startswith("quota:"))
        return {key.removeprefix("quota:"): self._effective(self.histories[key]) for key in names}

    def granted(self, account: str) -> int:
        return self._grants().get(account, 0)

    def used(self, account: str) -> int:
        used = sum(shipment.draws[account] for shipment in self.shipments.values())
        return used + read.brought_forward(self.licence(account.split(":")[1]))[account]

    def _grants(self) -> dict[str, int]:
        grants = dict(self.months)
        for key, history in self.histories.items():
            kind, name = key.split(":", 1)
            if kind == "licence":
                grants |= read.licence_grants(name, self._effective(history))
            elif kind == "quota":
                grants |= read.quota_grants(name, self._effective(history), self.opened[name])
        return grants

    def _effective(self, history: read.History) -> read.History:
        return [event for event in history if event.name not in self.void]

    def _held(self, *, is_written: bool) -> Counter[str]:
        held: Counter[str] = Counter()
        for shipment in self.shipments.values():
            if shipment.is_written is is_written:
                held.update(shipment.draws)
        return held

    # What happens

    def apply(self, event: Event[Any]) -> None:
        """Apply an event, unless it was seen before."""
        if event.name not in self.events:
            self.events[event.name] = event
            self._take(event)
        elif self.events[event.name] != event:
            self.conflicts += 1

    def _take(self, event: Event[Any]) -> None:
        self.fates[event.name] = "decided"
        try:
            key = self._apply(event)
        except Unfit:
            self.fates[event.name] = "dead"
            return
        if key is not None:
            self._wait(event, key)
            return
        if type(event.data) in {*FIRST.values(), on.QuotaReopened, on.ShipmentDeclared}:
            self._resume(entity_key(event))
        elif isinstance(event.data, on.EventRetracted) and event.data.entity.startswith("quota:"):
            self._resume(event.data.entity)
        self._resume(f"event:{event.name}")

    def _apply(self, event: Event[Any]) -> str | None:
        """Apply an event, or return what it has to wait for."""
        data = event.data
        if isinstance(data, on.ClockTicked):
            self._tick(data.now)
            return None
        if isinstance(data, on.EventRetracted):
            return self._retract(event)
        if isinstance(data, on.LicenceBatchIssued):
            if self.batches & {data.batch_id}:
                raise Unfit
            self.batches.add(data.batch_id)
            return None
        return self._shipment(event) if hasattr(data, "shipment_id") else self._register(event)

    def _wait(self, event: Event[Any], key: str) -> None:
        until = max(event.time, self.clock or event.time) + self.parking
        self.waiting[key].append(Waiting(event, until))
        self.fates[event.name] = "parked"

    def _resume(self, key: str) -> None:
        """Take up what waited for a thing, in the order in which it came."""
        self._take_all(self.waiting.pop(key, []))

    def _take_all(self, waited: list[Waiting]) -> None:
        for one in waited:
            self._take(one.event)

    def _now(self, at: datetime) -> datetime:
        """Return the clock, or a later event's time, but no more than a day later."""
        return at if self.clock is None else max(self.clock, min(at, self.clock + timedelta(days=1)))

    # Registers

    def _register(self, event: Event[Any]) -> str | None:
        key = entity_key(event)
        kind, name = key.split(":", 1)
        history = self.histories[key]
        is_first = isinstance(event.data, FIRST[kind])
        if kind == "licence":
            if self.licence_state(name) in UNFIT.get(type(event.data), set()):
                raise Unfit
            is_first = is_first or isinstance(event.data, on.LicenceApplied)
            hands_back = isinstance(event.data, on.LicenceSurrendered) and self.licence_state(name) == "applied"
            is_begun = read.is_decided(self.licence(name)) or hands_back
        else:
            is_begun = any(isinstance(one.data, FIRST[kind]) for one in self._effective(history))
            if is_first and is_begun:
                raise Unfit
        if not is_first and not is_begun:
            return key
        self._check(event)
        history.append(event)
        if kind == "licence":
            is_back = isinstance(event.data, on.LicenceReinstated) and read.licence_stop(history) is None
            if is_back or isinstance(event.data, on.LicenceTerms):
                self._follow_dates(name, event.time, anew=True)
        elif isinstance(event.data, on.QuotaOpened | on.QuotaTrancheReleased):
            released = isinstance(event.data, on.QuotaTrancheReleased)
            self._open_tranches(name, max(self._now(event.time), event.time) if released else self._now(event.time))
        return None

    def _check(self, event: Event[Any]) -> None:
        """Raise Unfit for a step that its thing has no room for."""
        data = event.data
        if isinstance(data, on.LicenceUseBroughtForward):
            if any(amount > self._left(account) for account, amount in read.asked_forward(data).items()):
                raise Unfit
        elif isinstance(data, on.QuotaReturned):
            if data.amount.mg > self._left(f"quota:{data.quota_id}:exporter:{data.exporter}"):
                raise Unfit
        elif isinstance(data, on.QuotaTrancheReleased) and data.tranche_id in read.tranches(
            self.histories[entity_key(event)]
        ):
            raise Unfit

    def _left(self, account: str) -> int:
        return self.granted(account) - self.used(account)

    def _follow_dates(self, licence_id: str, at: datetime, *, anew: bool) -> None:
        """Let a licence become active or expire."""
        terms, now = read.licence_terms(self.licence(licence_id)), self._now(at)
        if terms is None:
            return
        is_resting = read.state_apart_from_dates(self.licence(licence_id)) != "issued"
        state = "issued" if anew else self.dated[licence_id]
        if now >= terms.valid_until:
            state = "expired"
        elif state == "issued" and now >= terms.valid_from and not is_resting:
            state = "active"
        self.dated[licence_id] = state

    def _open_tranches(self, quota_id: str, now: datetime) -> None:
        history = self.histories[f"quota:{quota_id}"]
        self.opened[quota_id] |= {name for name, (opens_at, _) in read.tranches(history).items() if opens_at <= now}

    # Time

    def _tick(self, now: datetime) -> None:
        while due := self._overdue(now):
            _, _, key, one = min(due)
            self.waiting[key].remove(one)
            self._give_up(one.event)
        if self.clock is not None and now <= self.clock:
            return
        self.clock = now
        for key in [key for key, history in self.histories.items() if history]:
            kind, name = key.split(":", 1)
            if kind == "quota":
                self._open_tranches(name, now)
            elif kind == "licence":
                self._follow_dates(name, now, anew=False)

    def _overdue(self, now: datetime) -> list[tuple[datetime, str, str, Waiting]]:
        everyone = [(key, one) for key, waiting in self.waiting.items() for one in waiting]
        return [(one.until, one.event.name, key, one) for key, one in everyone if one.until <= now]

    def _give_up(self, event: Event[Any]) -> None:
        """Hold a shipment that waited too long; anything else that did is dead."""
        if isinstance(event.data, on.ShipmentDeclared):
            self.fates[event.name] = "decided"
            self.shipments[event.data.shipment_id].hold()
            self._resume(entity_key(event))
            self._resume(f"event:{event.name}")
        else:
            self.fates[event.name] = "dead"

    # Shipments

    def _shipment(self, event: Event[Any]) -> str | None:
        shipment_id = event.data.shipment_id
        shipment = self.shipments.get(shipment_id)
        if isinstance(event.data, on.ShipmentDeclared):
            if shipment is None:
                shipment = self.shipments[shipment_id] = Shipment(self, event)
            elif shipment.outcome == "withdrawn":
                shipment = self.shipments[shipment_id] = Shipment(self, event, shipment)
            elif shipment.declared.data != event.data or shipment.outcome != "parked" or shipment.is_over:
                raise Unfit
            return shipment.decide()
        if shipment is None or shipment.is_awaited:
            return entity_key(event)
        if isinstance(event.data, on.ShipmentCorrected):
            shipment.correct(event)
        elif isinstance(event.data, REVIEWS):
            shipment.review(event)
        else:
            shipment.move(event)
        return None

    # Retractions

    def _retract(self, event: Event[Any]) -> str | None:
        name, key = f"{event.data.source} {event.data.id}", event.data.entity
        target = self.events.get(name)
        if target is None or self.fates[name] == "dead":
            return f"event:{name}"
        if isinstance(target.data, on.EventRetracted) or name in self.retracted:
            raise Unfit
        self.retracted.add(name)
        self.fates[name] = "decided"
        for waiting in self.waiting.values():
            waiting[:] = [one for one in waiting if one.event is not target]
        kind, thing = key.split(":", 1)
        if kind == "shipment":
            self._take_out_of_shipment(thing, target)
        elif target in self.histories[key]:
            self.histories[key].remove(target)
            self._refold(kind, thing, event.time)
        return None

    def _take_out_of_shipment(self, shipment_id: str, target: Event[Any]) -> None:
        shipment = self.shipments.get(shipment_id)
        if shipment and shipment.declared.data == target.data and isinstance(target.data, on.ShipmentDeclared):
            if not any(isinstance(one.event.data, on.ShipmentDeclared) for one in self._of_shipment(shipment_id)):
                shipment.withdraw()
        elif shipment:
            shipment.take_out(target)

    def _of_shipment(self, shipment_id: str) -> list[Waiting]:
        everyone = [one for waiting in self.waiting.values() for one in waiting]
        return [one for one in everyone if entity_key(one.event) == f"shipment:{shipment_id}"]

    def _refold(self, kind: str, name: str, at: datetime) -> None:
        """Let dates and tranches follow from the rest of a history; what no longer fits in it makes nothing."""
        history = self.histories[f"{kind}:{name}"]
        self.void -= {event.name for event in history}
        if kind == "licence":
            self._refold_licence(name, history)
            self._follow_dates(name, at, anew=True)
        elif kind == "quota":
            self._refold_quota(name, history, at)
        else:
            begun = [isinstance(event.data, on.RegimeAnnounced) for event in history]
            self.void |= {event.name for place, event in enumerate(history) if not any(begun[: place + 1])}

    def _refold_licence(self, licence_id: str, history: list[Event[Any]]) -> None:
        self.dated[licence_id] = "issued"
        for place, event in enumerate(history):
            state = read.state_apart_from_dates(self._effective(history[:place]))
            begins = isinstance(event.data, on.LicenceApplied | on.LicenceIssued)
            amends_nothing = isinstance(event.data, on.LicenceAmended) and state == "applied"
            is_unfit = (state is None and not begins) or amends_nothing or state in UNFIT.get(type(event.data), set())
            if is_unfit and not isinstance(event.data, on.LicenceUseBroughtForward):
                self.void.add(event.name)

    def _refold_quota(self, quota_id: str, history: list[Event[Any]], at: datetime) -> None:
        self.opened[quota_id], so_far = set(), list[Event[Any]]()
        if read.quota_terms(history) is None:
            self.months = {m: cap for m, cap in self.months.items() if not m.startswith(f"quota:{quota_id}:")}
        for event in history:
            if not isinstance(event.data, on.QuotaOpened) and not so_far:
                self.void.add(event.name)
                continue
            if isinstance(event.data, on.QuotaReturned):
                account = f"quota:{quota_id}:exporter:{event.data.exporter}"
                if event.data.amount.mg > read.quota_grants(quota_id, so_far, self.opened[quota_id]).get(account, 0):
                    self.void.add(event.name)
                    continue
            so_far.append(event)
            is_released = isinstance(event.data, on.QuotaTrancheReleased)
            now = max(self._now(at), event.time) if is_released else self._now(at)
            self.opened[quota_id] |= {one for one, (opens_at, _) in read.tranches(so_far).items() if opens_at <= now}
