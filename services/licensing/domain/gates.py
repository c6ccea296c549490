"""Whether the law lets a lane's goods pass: regimes in force, licences that have something left, quotas."""

from datetime import datetime

from services.licensing.domain.book import Book
from services.licensing.domain.lanes import Gate, GateLevel, Lane, Opening
from services.licensing.domain.ledger import account_parts
from services.licensing.domain.policy import Policy
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from shared.events import WORLD, Reason
from shared.masses import spoken

ORDER: dict[GateLevel, int] = {"open": 0, "critical": 1, "shut": 2}


def judge_gate(lane: Lane, at: datetime, book: Book) -> Gate:
    """Return the strictest of what regimes and quotas say of a lane at the time, and note in it what they depend on.

    Raises Missing.
    """
    group = book.policy.group(lane.commodity_group).covers
    destination = None if lane.destination == WORLD else lane.destination
    regimes = [
        r for r in book.regimes.values() if r.is_in_force(at) and r.covers_lane(group, lane.origin, destination, at)
    ]
    quotas = _quota_gates(lane, at, book)
    lane.stats.needs_licence = any(r.phase(at).requires == "licence" for r in regimes)
    lane.stats.quota_level = _strictest(quotas)
    found = [*_regime_gates(lane, regimes, at, book.policy), *quotas]
    level = _strictest(found)
    reasons = tuple(reason for gate in found if gate.level == level for reason in gate.reasons)
    return Gate(level, reasons)


def level_now(lane: Lane, policy: Policy) -> GateLevel:
    """Return the level of the gate by what the licences have left now, all else being as last judged."""
    stats = lane.stats
    licences: GateLevel = opening_level(stats.opening, policy) if stats.needs_licence else "open"
    return licences if ORDER[licences] >= ORDER[stats.quota_level] else stats.quota_level


def opening_level(opening: Opening, policy: Policy) -> GateLevel:
    """Return how open a lane is by what its licences have left."""
    if opening.unlimited:
        return "open"
    if opening.left == 0:
        return "shut"
    used_percent = (opening.granted - opening.left) * 100 // opening.granted
    return "critical" if used_percent >= policy.critical_used_percent else "open"


def _strictest(gates: list[Gate]) -> GateLevel:
    return max((gate.level for gate in gates), key=ORDER.__getitem__, default="open")


def _regime_gates(lane: Lane, regimes: list[Regime], at: datetime, policy: Policy) -> list[Gate]:
    bans = [r for r in regimes if r.phase(at).requires == "prohibition"]
    found = [Gate("shut", (Reason(rule="lane.gate.prohibited", says=f"{_titles(bans)} prohibits it"),))] if bans else []
    demanding = [r for r in regimes if r.phase(at).requires == "licence"]
    if demanding:
        found.append(_licence_gate(lane.stats.opening, demanding, policy))
    return found


def _licence_gate(opening: Opening, regimes: list[Regime], policy: Policy) -> Gate:
    why = "; ".join(
        f"{r.terms.title} requires a licence since {r.terms.effective_from.date().isoformat()}"
        for r in sorted(regimes, key=lambda r: r.terms.regime_id)
    )
    level = opening_level(opening, policy)
    figures = {"left": spoken(opening.left), "granted": spoken(opening.granted)}
    if opening.unlimited:
        says = f"{why}; {opening.unlimited} valid licence lines have no limit of mass"
    elif not opening.lines:
        says = f"{why}; there is no valid licence"
    elif level == "shut":
        says = f"{why}; the valid licences have nothing left"
    else:
        says = f"{why}; the valid licences have {spoken(opening.left)} left of {spoken(opening.granted)}"
    return Gate(level, (Reason(rule="lane.gate.licences", says=says, figures=figures),))


def _titles(regimes: list[Regime]) -> str:
    return "; ".join(sorted(regime.terms.title for regime in regimes))


def _quota_gates(lane: Lane, at: datetime, book: Book) -> list[Gate]:
    group = book.policy.group(lane.commodity_group).covers
    destination = None if lane.destination == WORLD else lane.destination
    gates = []
    for _, quota in sorted(book.quotas.items()):
        if not quota.in_period(at) or not quota.governs_lane(group, lane.origin, destination):
            continue
        status = quota.status(at)
        if status != "open":
            says = f"quota {quota.terms.quota_id} is {status}"
            gates.append(Gate("shut", (Reason(rule="lane.gate.quota", says=says),)))
        else:
            gates += [_balance_gate(quota, account_id, book) for account_id in quota.governing(group)]
    return gates


def _balance_gate(quota: Quota, account_id: str, book: Book) -> Gate:
    account = book.account(account_id)
    part = account_parts(account_id)[3:]
    title = f"quota {quota.terms.quota_id}" + (f", sub-limit {part[0]}" if part else "")
    figures = {"left": spoken(account.left), "granted": spoken(account.granted)}
    if account.left == 0:
        says, level = f"{title} has nothing left", "shut"
    else:
        says = f"{title} has {spoken(account.left)} left of {spoken(account.granted)}"
        level = "critical" if account.is_critical(critical_percent(quota, book.policy)) else "open"
    return Gate(level, (Reason(rule="lane.gate.quota", says=says, figures=figures),))  # type: ignore[arg-type]


def critical_percent(quota: Quota, policy: Policy) -> int:
    """Return from which used share on a quota is critical."""
    own = quota.terms.critical_percent
    return policy.critical_used_percent if own is None else own
