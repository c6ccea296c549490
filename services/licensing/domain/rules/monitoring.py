"""Asks the monitoring rules in force of a shipment that the law has spoken of."""

from itertools import groupby
from operator import attrgetter

from services.licensing.domain.book import Noticed
from services.licensing.domain.monitoring.evaluating import Finding, findings
from services.licensing.domain.monitoring.facts import ShipmentFacts
from services.licensing.domain.monitoring.rulebooks import in_force
from services.licensing.domain.rules.verdict import Case, Verdict
from shared.events import Reason


def judge_monitoring(case: Case, verdict: Verdict) -> None:
    """Add what the rulebook of the declaration's time says. A rule that fails is noted and holds nothing up.

    A shipment that waits, e.g. for its licence, is asked about once it waits no longer. Raises Missing.
    """
    rulebook = in_force(case.book.rulebooks.values(), case.at)
    if rulebook is None or verdict.outcome is None:
        return
    verdict.rulebook = rulebook.version
    found = findings(rulebook.compiled, ShipmentFacts(case))
    for noticed in together(found) if found else ():
        verdict.noticed.append(noticed)
        reason = _reason(noticed, rulebook.version)
        if noticed.failure or noticed.rule.effect == "note":
            verdict.note(reason)
        elif noticed.rule.effect == "hold":
            verdict.doubt(reason)
        else:
            verdict.refuse(reason)


def together(found: list[Finding]) -> list[Noticed]:
    """Return what each rule said, once however many lines it spoke of; where it failed, that apart."""
    noticed = []
    for rule, of_rule in groupby(found, attrgetter("rule")):
        of_lines = sorted(of_rule, key=lambda each: bool(each.failure))
        for failed, same in groupby(of_lines, lambda each: bool(each.failure)):
            first, *others = same
            lines = tuple(each.line_no for each in (first, *others) if each.line_no is not None)
            says = f"{first.says}; also line{'s' * (len(others) > 1)} {_listed(lines[1:])}" if others else first.says
            noticed.append(Noticed(rule, lines, says, first.failure if failed else ""))
    return noticed


def _listed(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


def _reason(noticed: Noticed, version: str) -> Reason:
    figures = {"rulebook": version, "severity": noticed.rule.severity}
    if noticed.failure:
        figures["failure"] = noticed.failure
    return Reason(rule=f"monitoring.{noticed.rule.id}", says=noticed.says, figures=figures, remedy=noticed.rule.remedy)
