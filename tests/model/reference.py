"""A second reading of docs/licensing/rules.md: plain, slow, and independent of the engine.

Nothing is kept that can be worked out: what is reserved or written off is the sum of what the shipments hold,
what is granted follows from the histories. Left out: lanes, alerts, pro-rata quotas, the measure `reo`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared import events as on
from shared.cloudevents import Event, entity_key
from tests.model import registers as read
from tests.model.judging import Verdict, has_evidence, is_review, judge

LEFT = (on.ShipmentCleared, on.ShipmentDeparted, on.ShipmentArrived, on.ShipmentDelivered)
OVER = (on.ShipmentRejected, on.ShipmentCancelled)
FIRST: dict[str, type] = {"licence": on.LicenceIssued, "quota": on.QuotaOpened, "regime": on.RegimeAnnounced}
"""What must have come before the other steps of a thing's life can be applied."""


@dataclass
class Shipment:
    """A shipment's live history and what it holds of each account."""

    declared: Event[Any]
    history: list[Event[Any]] = field(default_factory=list)
    outcome: str = "parked"
    draws: Counter[str] = field(default_factory=Counter)
    is_written: bool = False
    is_stale: bool = False
    """Held because its evidence had expired when it cleared."""
    is_excused: bool = False
    """An officer has seen that its evidence had expired."""
    evidence: set[str] = field(default_factory=set)
    awaits: set[str] = field(default_factory=set)
    parked_by: Event[Any] | None = None

    @property
    def terms(self) -> on.Declaration:
        found: on.Declaration = self.judged_by.data
        return found

    @property
    def judged_by(self) -> Event[Any]:
        """The last correction, or the declaration."""
        corrections = [event for event in self.history if isinstance(event.data, on.ShipmentCorrected)]
        return corrections[-1] if corrections else self.declared

    def has(self, *kinds: type) -> bool:
        return any(isinstance(event.data, kinds) for event in self.history)


class Reference:
    """Takes events one at a time and knows what must follow."""

    def __init__(self, parking_days: int) -> None:
        self.parking_days = parking_days
        self.clock: datetime | None = None
        self.bodies: dict[str, bytes] = {}
        self.events: dict[str, Event[Any]] = {}
        self.endings: dict[str, str] = {}
        self.conflicts = 0
        self.histories: dict[str, list[Event[Any]]] = defaultdict(list)
        self.shipments: dict[str, Shipment] = {}
        self.months: dict[str, int] = {}
        self.waiting: dict[str, list[Event[Any]]] = defaultdict(list)
        self.parked: list[str] = []
        self.foretold: dict[str, Event[Any]] = {}
        """Retractions that came before what they retract, by its name."""
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

    def outcome(self, shipment_id: str) -> str | None:
        shipment = self.shipments.get(shipment_id)
        return shipment.outcome if shipment else None

    def licence_state(self, licence_id: str) -> str | None:
        history = self.histories[f"licence:{licence_id}"]
        terms = read.licence_terms(history)
        if terms is None:
            return None
        if not read.is_issued(history):
            return "applied"
        open_spells = [spell.kind for spell in read.licence_spells(history) if spell.until is None]
        issued_at = next(event.time for event in history if isinstance(event.data, on.LicenceIssued))
        now = max(self.clock or issued_at, issued_at)
        for state, is_so in (
            ("revoked", "revoked" in open_spells),
            ("surrendered", "surrendered" in open_spells),
            ("expired", self.clock is not None and self.clock >= terms.valid_until),
            ("suspended", "suspended" in open_spells),
            ("issued", now < terms.valid_from),
            ("exhausted", self._is_exhausted(licence_id, history)),
        ):
            if is_so:
                return state
        return "active"

    def _is_exhausted(self, licence_id: str, history: read.History) -> bool:
        grants = read.licence_grants(licence_id, history)
        lines: dict[str, list[int]] = defaultdict(list)
        for account, granted in grants.items():
            lines[account.removesuffix(":value")].append(granted - self.used(account))
        return bool(lines) and all(min(left) <= 0 for left in lines.values())

    # What a judgement asks

    def regimes(self, at: datetime) -> list[on.RegimeTerms]:
        found = [read.regime_in_force(h, at) for key, h in sorted(self.histories.items()) if key.startswith("regime:")]
        return [terms for terms in found if terms]

    def licence(self, licence_id: str) -> read.History:
        return self.histories.get(f"licence:{licence_id}", [])

    def quotas(self) -> dict[str, read.History]:
        names = sorted(key for key in self.histories if key.startswith("quota:"))
        return {key.removeprefix("quota:"): self.histories[key] for key in names}

    def granted(self, account: str) -> int:
        return self._grants().get(account, 0)

    def used(self, account: str) -> int:
        used = sum(shipment.draws[account] for shipment in self.shipments.values())
        licence_id = account.split(":")[1]
        return used + read.brought_forward(self.licence(licence_id))[account]

    def _grants(self) -> dict[str, int]:
        grants = dict(self.months)
        for key, history in self.histories.items():
            kind, name = key.split(":", 1)
            if kind == "licence":
                grants |= read.licence_grants(name, history)
            elif kind == "quota":
                grants |= read.quota_grants(name, history, self.clock)
        return grants

    def _held(self, *, is_written: bool) -> Counter[str]:
        held: Counter[str] = Counter()
        for shipment in self.shipments.values():
            if shipment.is_written is is_written:
                held.update(shipment.draws)
        return held

    # What happens

    def take(self, event: Event[Any], body: bytes) -> None:
        """Apply an event, unless it was seen before."""
        name = event.name
        if name in self.bodies:
            self.conflicts += self.bodies[name] != body
            return
        self.bodies[name], self.events[name], self.endings[name] = body, event, "decided"
        if (retraction := self.foretold.get(name)) and retraction.data.entity == entity_key(event):
            self.endings[self.foretold.pop(name).name] = "decided"
            self.retracted.add(name)
        else:
            self._apply(event)
        self._take_up_shipments()

    def _apply(self, event: Event[Any]) -> None:
        data = event.data
        if isinstance(data, on.ClockTicked):
            self._tick(data.now)
        elif isinstance(data, on.EventRetracted):
            self._retract(event)
        elif hasattr(data, "shipment_id"):
            self._shipment(event)
        elif not isinstance(data, on.LicenceBatchIssued):
            self._register(event)

    def _wait(self, event: Event[Any]) -> None:
        self.waiting[entity_key(event)].append(event)
        self.endings[event.name] = "parked"

    def _resume(self, key: str) -> None:
        """Take up what waited for a thing, in the order in which it came."""
        waited, self.waiting[key] = self.waiting[key], []
        for event in waited:
            self.endings[event.name] = "decided"
            self._apply(event)

    # Registers

    def _register(self, event: Event[Any]) -> None:
        key = entity_key(event)
        history = self.histories[key]
        first = FIRST[key.split(":")[0]]
        begins = isinstance(event.data, first | on.LicenceApplied)
        if not begins and not any(isinstance(one.data, first) for one in history):
            self._wait(event)
            return
        if isinstance(event.data, on.LicenceUseBroughtForward) and not self._fits(event.data):
            self.endings[event.name] = "dead"
            return
        history.append(event)
        if isinstance(event.data, first):
            self._resume(key)

    def _fits(self, data: on.LicenceUseBroughtForward) -> bool:
        terms = read.licence_terms(self.licence(data.licence_id))
        line = next((line for line in terms.lines if line.line_no == data.line_no), None) if terms else None
        if line is None or (data.value and line.value and data.value.currency != line.value.currency):
            return False
        asked = read.asked_forward(data).items()
        return all(amount <= self.granted(account) - self.used(account) for account, amount in asked)

    # Time

    def _tick(self, now: datetime) -> None:
        self.clock = max(self.clock or now, now)
        for shipment_id in list(self.parked):
            shipment = self.shipments[shipment_id]
            if shipment.parked_by is None or not any(name.startswith("licence:") for name in shipment.awaits):
                continue
            if read.days_later(shipment.parked_by.time, self.parking_days) <= self.clock:
                self._end_parking(shipment_id)
                self._set(shipment, "held")
                self._resume(f"shipment:{shipment_id}")

    # Shipments

    def _shipment(self, event: Event[Any]) -> None:
        shipment_id = event.data.shipment_id
        shipment = self.shipments.get(shipment_id)
        is_known = shipment is not None and shipment.outcome != "withdrawn"
        if isinstance(event.data, on.ShipmentDeclared):
            if is_known:
                self.endings[event.name] = "dead"
                return
            shipment = self.shipments[shipment_id] = Shipment(event)
            self._decide(shipment_id)
            self._resume(f"shipment:{shipment_id}")
        elif shipment is None or not is_known:
            self._wait(event)
        elif isinstance(event.data, on.ShipmentCorrected):
            shipment.history.append(event)
            self._decide(shipment_id)
            self._resume(f"shipment:{shipment_id}")
        elif shipment.outcome == "parked":
            self._wait(event)
        else:
            shipment.history.append(event)
            self._review(shipment_id, event) if is_review(event.data) else self._settle(shipment)

    def _decide(self, shipment_id: str) -> None:
        """Judge anew as of the declaration's time, on books without the shipment's own draws."""
        shipment = self.shipments[shipment_id]
        verdict, own = self._judged(shipment)
        shipment.is_excused = False
        self._end_parking(shipment_id, keep_place=verdict.outcome == "parked")
        if verdict.outcome == "parked":
            shipment.awaits, shipment.parked_by = verdict.awaits, shipment.judged_by
            self.endings[shipment.judged_by.name] = "parked"
            if shipment_id not in self.parked:
                self.parked.append(shipment_id)
        self._set(shipment, verdict.outcome, verdict if verdict.outcome == "permitted" else None, own)

    def _judged(self, shipment: Shipment) -> tuple[Verdict, Counter[str]]:
        own, shipment.draws = shipment.draws, Counter()
        verdict = judge(self, shipment.terms, shipment.declared.time)
        shipment.evidence = verdict.evidence
        return verdict, own

    def _end_parking(self, shipment_id: str, *, keep_place: bool = False) -> None:
        shipment = self.shipments[shipment_id]
        if shipment.parked_by:
            self.endings[shipment.parked_by.name] = "decided"
        shipment.awaits, shipment.parked_by = set(), None
        if shipment_id in self.parked and not keep_place:
            self.parked.remove(shipment_id)

    def _set(
        self, shipment: Shipment, outcome: str, verdict: Verdict | None = None, own: Counter[str] | None = None
    ) -> None:
        """Put down an outcome with what it draws; what was written off stays when it is not permitted."""
        shipment.outcome, shipment.is_stale = outcome, False
        if verdict:
            shipment.draws = verdict.draws
            over = shipment.has(*OVER)
            self.months |= {} if over else {name: cap for name, cap in verdict.caps.items() if verdict.draws[name]}
        else:
            shipment.draws = own if own and shipment.is_written else Counter()
        self._settle(shipment)

    def _settle(self, shipment: Shipment) -> None:
        """Let what a shipment holds follow from its milestones."""
        has_left = shipment.has(*LEFT)
        if shipment.has(*OVER):
            shipment.draws, shipment.is_written = Counter(), False
        elif shipment.outcome == "permitted" and self._has_stale_evidence(shipment):
            shipment.outcome, shipment.is_stale = "held", True
        elif shipment.outcome == "permitted":
            shipment.is_written = has_left
        elif not shipment.is_stale and not (shipment.is_written and has_left):
            shipment.draws, shipment.is_written = Counter(), False

    def _has_stale_evidence(self, shipment: Shipment) -> bool:
        cleared = [event.time for event in shipment.history if isinstance(event.data, on.ShipmentCleared)]
        terms, at = shipment.terms, shipment.declared.time
        kinds = [kind for kind in shipment.evidence if has_evidence(terms, kind, at)]
        return not shipment.is_excused and any(not has_evidence(terms, kind, t) for kind in kinds for t in cleared)

    def _review(self, shipment_id: str, event: Event[Any]) -> None:
        shipment = self.shipments[shipment_id]
        data = event.data
        if shipment.outcome != "held" and not (shipment.outcome == "denied" and isinstance(data, on.ReviewOverridden)):
            return
        if isinstance(data, on.ReviewRejected):
            self._set(shipment, "denied", None, shipment.draws)
        elif shipment.is_stale:
            shipment.outcome, shipment.is_stale, shipment.is_excused = "permitted", False, True
            self._settle(shipment)
        else:
            verdict, own = self._judged(shipment)
            self._set(shipment, *(("denied", None, own) if verdict.short else ("permitted", verdict, own)))

    def _take_up_shipments(self) -> None:
        """Decide parked shipments for which something that they awaited has come, until nothing more follows."""
        while ready := next((one for one in self.parked if self._has_come(self.shipments[one])), None):
            self._decide(ready)
            self._resume(f"shipment:{ready}")

    def _has_come(self, shipment: Shipment) -> bool:
        return any(not self._is_awaited(name, shipment.declared.time) for name in shipment.awaits)

    def _is_awaited(self, key: str, at: datetime) -> bool:
        history = self.histories[key]
        return not read.is_issued(history) if key.startswith("licence:") else read.quota_stop(history, at) == "blocked"

    # Retractions

    def _retract(self, event: Event[Any]) -> None:
        data = event.data
        name = f"{data.source} {data.id}"
        target = self.events.get(name)
        if target is None:
            self.foretold[name] = event
            self.endings[event.name] = "parked"
        elif isinstance(target.data, on.EventRetracted) or entity_key(target) != data.entity:
            self.endings[event.name] = "dead"
        elif name not in self.retracted:
            self.retracted.add(name)
            self._take_out(target, data.entity)

    def _take_out(self, target: Event[Any], key: str) -> None:
        if target in self.waiting[key]:
            self.waiting[key].remove(target)
            self.endings[target.name] = "decided"
        elif not key.startswith("shipment:"):
            self.histories[key] = [one for one in self.histories[key] if one is not target]
        elif (shipment := self.shipments.get(target.data.shipment_id)) and shipment.declared is target:
            self._end_parking(target.data.shipment_id)
            shipment.outcome, shipment.draws, shipment.is_written = "withdrawn", Counter(), False
        elif shipment and target in shipment.history:
            self._take_out_step(shipment, target)

    def _take_out_step(self, shipment: Shipment, target: Event[Any]) -> None:
        """Let a shipment follow from the rest of its history; judge anew only where its decision rests on the step."""
        place, judged_by, was_over = shipment.history.index(target), shipment.judged_by, shipment.has(*OVER)
        after_judged = judged_by is shipment.declared or place >= shipment.history.index(judged_by)
        shipment.history.remove(target)
        is_decision = isinstance(target.data, on.ShipmentCorrected) or is_review(target.data)
        if (is_decision and after_judged) or (was_over and not shipment.has(*OVER)):
            self._replay(shipment)
        elif not is_decision:
            if shipment.is_stale:
                shipment.outcome, shipment.is_stale = "permitted", False
            self._settle(shipment)

    def _replay(self, shipment: Shipment) -> None:
        """Judge the last correction or the declaration anew, and take up the reviews that followed it."""
        shipment_id = shipment.terms.shipment_id
        self._decide(shipment_id)
        since = shipment.history.index(shipment.judged_by) + 1 if shipment.judged_by in shipment.history else 0
        for event in [event for event in shipment.history[since:] if is_review(event.data)]:
            if shipment.outcome == "parked":
                shipment.history.remove(event)
                self._wait(event)
            else:
                self._review(shipment_id, event)
