"""Asks a candidate's rules of recorded decisions, on what each was judged on, and tells what would be otherwise.

Each decision is looked at by itself: what a decision that changes would have left to others is not followed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from services.licensing.domain.book import Book, Missing, Noticed
from services.licensing.domain.lanes import Lane, new_lane
from services.licensing.domain.ledger import Account
from services.licensing.domain.licences import Licence
from services.licensing.domain.monitoring.basis import Basis
from services.licensing.domain.monitoring.evaluating import findings
from services.licensing.domain.monitoring.facts import ShipmentFacts
from services.licensing.domain.monitoring.translated import Compiled
from services.licensing.domain.rules.monitoring import together
from services.licensing.domain.rules.verdict import Case
from shared.events import Declaration, LicenceTerms, Outcome, Reason

STRICTNESS: dict[str, int] = {"permitted": 0, "held": 1, "denied": 2}
OUTCOME: dict[str, Outcome] = {"note": "permitted", "hold": "held", "deny": "denied"}
"""What a rule's effect makes of a shipment that nothing else stops."""
OURS = "monitoring."
EXAMPLES = 5
"""So many changed decisions are told for each rule."""


class Recorded(NamedTuple):
    """A decision as it was recorded, with what it was judged on."""

    decision_id: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    """Needed only where something was held or denied, or monitoring rules spoke."""
    declared: Declaration
    declared_at: datetime
    basis: Basis
    terms: Mapping[str, LicenceTerms]
    """Of the licences, as they were then."""


class Change(NamedTuple):
    """A decision that the candidate would take otherwise, by which rules."""

    decision_id: str
    was: Outcome
    would_be: Outcome
    rules: tuple[str, ...]
    says: str


class OfRule(msgspec.Struct):
    """What one rule did then, and would do."""

    speaks: int = 0
    fails: int = 0
    spoke: int = 0
    """In the decisions as they were recorded, under the rules of then."""
    stricter: int = 0
    """Decisions that it would make stricter."""
    milder: int = 0
    """Decisions that would be milder, since it no longer speaks so."""
    examples: list[tuple[str, str, str, str]] = []
    """Decision, what it was, what it would be, and the sentence."""


class Tally(msgspec.Struct):
    """What came of the decisions so far."""

    asked: int = 0
    changed: int = 0
    by_outcome: dict[str, int] = {}
    """`permitted > held`: how many."""
    by_rule: dict[str, OfRule] = {}
    not_asked: dict[str, int] = {}
    """By reason: decisions that the rules could not be asked of."""


def ask(candidate: Compiled, recorded: Recorded, book: Book, tally: Tally) -> Change | None:
    """Ask the rules of one decision and count it; return it if it would be another. `book` holds policy and quotas."""
    try:
        noticed = _noticed(candidate, recorded, book)
    except Missing as missing:
        count(tally.not_asked, f"its {missing.kind} is not recorded")
        return None
    tally.asked += 1
    then = {r.rule.removeprefix(OURS): r for r in recorded.reasons if r.rule.startswith(OURS)}
    for rule in then:
        _of(tally, rule).spoke += 1
    for each in noticed:
        of_rule = _of(tally, each.rule.id)
        of_rule.fails += bool(each.failure)
        of_rule.speaks += not each.failure
    would_be = _outcome(recorded, noticed)
    if would_be == recorded.outcome:
        return None
    return _changed(recorded, would_be, noticed, then, tally)


def count(counts: dict[str, int], what: str) -> None:
    """Add one to a count."""
    counts[what] = counts.get(what, 0) + 1


def _noticed(candidate: Compiled, recorded: Recorded, book: Book) -> list[Noticed]:
    """Return what the rules say, on books as they were. Raises Missing for what was not recorded."""
    basis = recorded.basis
    book.licences = {
        licence_id: Licence(licence_id, state, terms=recorded.terms.get(licence_id))  # type: ignore[arg-type]
        for licence_id, state in basis.licences
    }
    book.accounts = {name: Account(name, granted=granted, reserved=used) for name, granted, used in basis.accounts}
    book.lanes = {each[0]: _lane(*each) for each in basis.lanes}
    decided = int(recorded.decision_id.rpartition("#")[2]) - 1
    case = Case(recorded.declared, recorded.declared_at, book, times_decided=decided)
    found = findings(candidate, ShipmentFacts(case))
    return together(found) if found else []


def _lane(lane_id: str, state: Any, gate: Any, flow: Any, last_active_day: int | None) -> Lane:
    lane = new_lane(lane_id)
    lane.state, lane.stats.gate, lane.stats.flow, lane.stats.last_active_day = state, gate, flow, last_active_day
    return lane


def _outcome(recorded: Recorded, noticed: Iterable[Noticed]) -> Outcome:
    effects = {r.effect for r in recorded.reasons if not r.rule.startswith(OURS)}
    law: Outcome = "denied" if "refused" in effects else "held" if "held" in effects else "permitted"
    return max([law, *(OUTCOME[n.rule.effect] for n in noticed if not n.failure)], key=STRICTNESS.__getitem__)


def _changed(
    recorded: Recorded, would_be: Outcome, noticed: list[Noticed], then: Mapping[str, Reason], tally: Tally
) -> Change:
    """Count a change for the rules that bring it: those that speak so now, or those that did then."""
    is_stricter = STRICTNESS[would_be] > STRICTNESS[recorded.outcome]
    if is_stricter:
        by = {n.rule.id: n.says for n in noticed if not n.failure and OUTCOME[n.rule.effect] == would_be}
    else:
        stopped = {"held": "held", "denied": "refused"}[recorded.outcome]
        by = {rule: reason.says for rule, reason in then.items() if reason.effect == stopped}
    tally.changed += 1
    count(tally.by_outcome, f"{recorded.outcome} > {would_be}")
    for rule, says in by.items():
        of_rule = _of(tally, rule)
        of_rule.stricter += is_stricter
        of_rule.milder += not is_stricter
        if len(of_rule.examples) < EXAMPLES:
            of_rule.examples.append((recorded.decision_id, recorded.outcome, would_be, says))
    return Change(recorded.decision_id, recorded.outcome, would_be, tuple(by), next(iter(by.values()), ""))


def _of(tally: Tally, rule: str) -> OfRule:
    if rule not in tally.by_rule:
        tally.by_rule[rule] = OfRule()
    return tally.by_rule[rule]


def add(whole: Tally, part: Tally) -> None:
    """Add what came of later decisions to what came of the earlier ones."""
    whole.asked += part.asked
    whole.changed += part.changed
    for ours, theirs in ((whole.by_outcome, part.by_outcome), (whole.not_asked, part.not_asked)):
        for what, number in theirs.items():
            ours[what] = ours.get(what, 0) + number
    for rule, of in part.by_rule.items():
        ours_of = _of(whole, rule)
        for name in ("speaks", "fails", "spoke", "stricter", "milder"):
            setattr(ours_of, name, getattr(ours_of, name) + getattr(of, name))
        ours_of.examples = [*ours_of.examples, *of.examples][:EXAMPLES]
