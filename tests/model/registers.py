"""What the histories of regimes, licences and quotas say, worked out anew at every question.

A history is the list of a thing's events in the order in which they were applied, less those retracted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared import events as on
from shared.cloudevents import Event

History = Sequence[Event[Any]]
MG = int
ENDING = {on.LicenceRevoked: "revoked", on.LicenceSurrendered: "surrendered"}
QUOTA_STOPS = {on.QuotaBlocked: "blocked", on.QuotaSuspended: "suspended", on.QuotaClosed: "closed"}


@dataclass
class Spell:
    """From when to when something rested; open while `until` is None."""

    kind: str
    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def _close(spells: Iterable[Spell], at: datetime) -> None:
    """End at a moment what has not ended before it."""
    for spell in spells:
        spell.until = at if spell.until is None else min(spell.until, at)


# Regimes


def regime_in_force(history: History, at: datetime) -> on.RegimeTerms | None:
    """Return a regime's terms if it is in force at a moment."""
    terms: on.RegimeTerms | None = None
    spells: list[Spell] = []
    ended: datetime | None = None
    for event in history:
        data = event.data
        if isinstance(data, on.RegimeTerms):
            terms = data
        elif isinstance(data, on.RegimeSuspended):
            spells.append(Spell("suspended", data.suspended_from, data.suspended_until))
        elif isinstance(data, on.RegimeReinstated):
            _close(spells, event.time)
        elif isinstance(data, on.RegimeEnded):
            ended = event.time
    if terms is None or at < terms.effective_from or (terms.effective_until and at >= terms.effective_until):
        return None
    if (ended and at >= ended) or any(spell.holds(at) for spell in spells):
        return None
    return terms


def phase_of(terms: on.RegimeTerms, at: datetime) -> tuple[str, tuple[on.Selector, ...], on.Destinations]:
    """Return what the regime requires then, of which goods and for which destinations."""
    requires, covers, destinations = terms.requires, terms.covers, terms.destinations
    begun = [phase for phase in terms.phases if phase.effective_from <= at]
    for phase in begun[-1:]:
        requires = phase.requires or requires
        covers = covers if phase.covers is None else phase.covers
        destinations = destinations if phase.destinations is None else phase.destinations
    return requires, covers, destinations


# Licences


def is_issued(history: History) -> bool:
    return any(isinstance(event.data, on.LicenceIssued) for event in history)


def is_decided(history: History) -> bool:
    """Say whether there is nothing more to wait for: it was issued, or its application was handed back."""
    is_handed_back = any(isinstance(event.data, on.LicenceSurrendered) for event in history)
    return is_issued(history) or (is_handed_back and licence_terms(history) is not None)


def licence_terms(history: History) -> on.LicenceTerms | None:
    """Return the terms that stand: once it is issued the last ones, before what was applied for."""
    kinds = on.LicenceIssued | on.LicenceAmended if is_issued(history) else on.LicenceApplied
    found = [event.data for event in history if isinstance(event.data, kinds)]
    return found[-1] if found else None


def state_apart_from_dates(history: History) -> str | None:
    """Return what authority and exporter made of a licence; None: nobody spoke of it."""
    if licence_terms(history) is None:
        return None
    stop = licence_stop(history)
    if not is_issued(history):
        return stop if stop == "surrendered" else "applied"
    return stop or "issued"


def licence_stop(history: History, at: datetime | None = None) -> str | None:
    """Return why a licence could not be drawn at a moment, or in the end, by its steps in the order of their time."""
    kinds = {on.LicenceSuspended: "suspended", on.LicenceReinstated: None, **ENDING}
    steps = sorted((event for event in history if type(event.data) in kinds), key=lambda event: event.time)
    stops = [kinds[type(event.data)] for event in steps if at is None or event.time <= at]
    ends = [kind for kind in stops if kind in ENDING.values()]
    return ends[0] if ends else stops[-1] if stops else None


def licence_grants(licence_id: str, history: History) -> dict[str, int]:
    """Return what a licence's accounts were granted."""
    terms = licence_terms(history)
    if terms is None or not is_issued(history):
        return {}
    grants: dict[str, int] = {}
    for line in terms.lines:
        if line.mass is not None:
            grants[f"licence:{licence_id}:{line.line_no}"] = line.mass.mg
        if line.value is not None:
            grants[f"licence:{licence_id}:{line.line_no}:value"] = line.value.units
    if terms.kind == "single_use":
        grants[f"licence:{licence_id}:uses"] = 1
    return grants


def brought_forward(history: History) -> Counter[str]:
    """Return the use from before, per account."""
    used: Counter[str] = Counter()
    for event in history:
        if isinstance(event.data, on.LicenceUseBroughtForward):
            used.update(asked_forward(event.data))
    return used


def asked_forward(data: on.LicenceUseBroughtForward) -> dict[str, int]:
    account = f"licence:{data.licence_id}:{data.line_no}"
    asked = {account: data.mass.mg if data.mass else 0, f"{account}:value": data.value.units if data.value else 0}
    return {name: amount for name, amount in asked.items() if amount}


# Quotas


def quota_terms(history: History) -> on.QuotaOpened | None:
    opened = [event.data for event in history if isinstance(event.data, on.QuotaOpened)]
    return opened[-1] if opened else None


def quota_stop(history: History, at: datetime) -> str | None:
    """Return why a quota cannot be drawn at a moment; what a block put off, the step after it answers."""
    kinds = {**QUOTA_STOPS, on.QuotaReopened: None}
    steps = sorted((event for event in history if type(event.data) in kinds), key=lambda event: event.time)
    stops = [kinds[type(event.data)] for event in steps if event.time <= at]
    if not stops or stops[-1] != "blocked":
        return stops[-1] if stops else None
    return next((kind for event in steps[len(stops) :] if (kind := kinds[type(event.data)]) != "blocked"), "blocked")


def tranches(history: History) -> dict[str, tuple[datetime, on.Tranche | on.QuotaTrancheReleased]]:
    """Return a quota's tranches and when they open, by their ids."""
    found: dict[str, tuple[datetime, on.Tranche | on.QuotaTrancheReleased]] = {}
    for event in history:
        if isinstance(event.data, on.QuotaOpened):
            found |= {tranche.tranche_id: (tranche.opens_at, tranche) for tranche in event.data.tranches}
        elif isinstance(event.data, on.QuotaTrancheReleased):
            found[event.data.tranche_id] = (event.data.opens_at or event.time, event.data)
    return found


def quota_grants(quota_id: str, history: History, opened: set[str]) -> dict[str, int]:
    """Return what a quota's accounts were granted, but for its months, with these tranches open."""
    terms = quota_terms(history)
    if terms is None:
        return {}
    name = f"quota:{quota_id}"
    grants: Counter[str] = Counter({name: terms.initial.mg if terms.initial else 0})
    for sub in terms.sub_limits:
        grants[f"{name}:sub:{sub.sub_limit_id}"] = sub.initial.mg if sub.initial else 0
    for tranche_id, (_, tranche) in tranches(history).items():
        if tranche_id in opened:
            grants[name] += tranche.amount.mg
            for part in tranche.sub_limits:
                grants[f"{name}:sub:{part.sub_limit_id}"] += part.amount.mg
            _allocate(grants, name, tranche.allocations)
    for event in history:
        if isinstance(event.data, on.QuotaAllocated):
            _allocate(grants, name, event.data.allocations)
        elif isinstance(event.data, on.QuotaReturned):
            grants[f"{name}:exporter:{event.data.exporter}"] -= event.data.amount.mg
    if terms.reserved_share:
        grants[f"{name}:open"] = grants[name] - -(-grants[name] * terms.reserved_share.percent // 100)
    return dict(grants)


def _allocate(grants: Counter[str], name: str, allocations: Iterable[on.Allocation]) -> None:
    for allocation in allocations:
        grants[f"{name}:exporter:{allocation.exporter}"] += allocation.amount.mg


# Goods


def covers(selectors: Iterable[on.Selector], goods: on.Commodity) -> bool | None:
    """Say whether goods are among those selected; None: nobody can say, since they name no elements."""
    answers = [_selects(selector, goods) for selector in selectors]
    return True if True in answers else None if None in answers else False


def _selects(selector: on.Selector, goods: on.Commodity) -> bool | None:
    if selector.hs and not goods.hs.startswith(selector.hs):
        return False
    if selector.forms and goods.form not in selector.forms:
        return False
    if selector.control_codes and goods.control_code not in selector.control_codes:
        return False
    elements = {*goods.elements, *(content.element for content in goods.contents)}
    if selector.elements and not elements:
        is_all_it_asks = not (selector.hs or selector.forms or selector.control_codes)
        return False if is_all_it_asks and goods.form == "other" else None
    return not selector.elements or bool(elements & set(selector.elements))


def goes_there(destinations: on.Destinations, country: str) -> bool:
    included = not destinations.include or country in destinations.include
    return included and country not in destinations.exclude


def measured(line: on.ShipmentLine, measure: str) -> MG | None:
    """Return a line's mass in a measure, rounded up; None where what it needs is missing."""
    if measure == "net":
        return line.net_mass.mg
    if measure == "gross":
        return None if line.gross_mass is None else line.gross_mass.mg
    if not line.commodity.contents:
        return None
    share = sum(content.percent for content in line.commodity.contents)
    exact = line.net_mass.mg * share / 100
    return int(exact) + (1 if exact % 1 else 0)


def months_later(start: datetime, months: int) -> datetime:
    """Return the same day so many months later; the rules' cases begin on days that every month has."""
    year, month = divmod(start.month - 1 + months, 12)
    return start.replace(year=start.year + year, month=month + 1)


def days_later(start: datetime, days: int) -> datetime:
    return start + timedelta(days=days)
