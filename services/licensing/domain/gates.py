"""Whether the law lets a lane's goods pass: regimes in force, licences that have something left, quotas."""

from datetime import datetime

from services.licensing.domain.book import Book
from services.licensing.domain.lanes import Gate, GateLevel, Lane
from services.licensing.domain.ledger import Account
from services.licensing.domain.regimes import Regime
from shared.events import WORLD, Reason
from shared.masses import spoken

_ORDER: dict[GateLevel, int] = {"open": 0, "critical": 1, "shut": 2}


def gate_of(lane: Lane, at: datetime, book: Book) -> Gate:
    """Return the strictest of what regimes and quotas say of a lane at the time. Raises Missing."""
    found = [*_licence_gate(lane, at, book), *_quota_gates(lane, at, book)]
    level: GateLevel = max((gate.level for gate in found), key=_ORDER.__getitem__, default="open")
    reasons = tuple(reason for gate in found if gate.level == level for reason in gate.reasons)
    return Gate(level, reasons)


def _licence_gate(lane: Lane, at: datetime, book: Book) -> list[Gate]:
    group = book.policy.group(lane.commodity_group).covers
    destination = None if lane.destination == WORLD else lane.destination
    regimes = [r for r in book.regimes.values() if r.is_in_force(at) and r.covers_lane(group, lane.origin, destination)]
    if not regimes:
        return []
    opening = [book.view(*names) for names in book.opens(lane.lane_id)]
    valid = [account for licence, account in opening if licence.is_valid(at)]
    return [_by_balance("lane.gate.licences", valid, book, _required(regimes), "valid licences")]


def _required(regimes: list[Regime]) -> str:
    return "; ".join(
        f"{r.terms.title} requires a licence since {r.terms.effective_from.date().isoformat()}"
        for r in sorted(regimes, key=lambda r: r.terms.regime_id)
    )


def _quota_gates(lane: Lane, at: datetime, book: Book) -> list[Gate]:
    group = book.policy.group(lane.commodity_group).covers
    destination = None if lane.destination == WORLD else lane.destination
    gates = []
    for _, quota in sorted(book.quotas.items()):
        if not quota.in_period(at) or not quota.governs_lane(group, lane.origin, destination):
            continue
        title = f"quota {quota.terms.quota_id}"
        if quota.is_open(at):
            gates.append(_by_balance("lane.gate.quota", [book.account(quota.account_id)], book, title, "quota"))
        else:
            gates.append(Gate("shut", (Reason(rule="lane.gate.quota", says=f"{title} is closed"),)))
    return gates


def _by_balance(rule: str, accounts: list[Account], book: Book, why: str, what: str) -> Gate:
    granted_mg = sum(account.granted_mg for account in accounts)
    left_mg = sum(account.left_mg for account in accounts)
    figures = {"left": spoken(left_mg), "granted": spoken(granted_mg)}
    if left_mg == 0:
        says = f"{why}; the {what} have nothing left" if accounts else f"{why}; there is no valid licence"
        return Gate("shut", (Reason(rule=rule, says=says, figures=figures),))
    used_percent = (granted_mg - left_mg) * 100 // granted_mg
    says = f"{why}; the {what} have {spoken(left_mg)} left of {spoken(granted_mg)}"
    level: GateLevel = "critical" if used_percent >= book.policy.critical_used_percent else "open"
    return Gate(level, (Reason(rule=rule, says=says, figures=figures),))
