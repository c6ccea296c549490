"""What regimes say of a shipment line: what they ask of it, and whether they bar it."""

from datetime import datetime

from services.licensing.domain.regimes import Regime
from services.licensing.domain.rules.remedies import NONE_WHILE_BARRED
from services.licensing.domain.rules.verdict import Case, Verdict
from shared.events import Declaration, Reason, ShipmentLine


def judge_regimes(case: Case, line: ShipmentLine, verdict: Verdict) -> list[Regime]:
    """Let the regimes in force speak; return those that ask for a licence or a registration."""
    demanding, has_spoken = [], False
    for _, regime in sorted(case.book.regimes.items()):
        if not regime.is_in_force(case.at):
            continue
        reach = regime.reach(line.commodity, case.declared.origin, case.declared.destination, case.at)
        if reach == "outside":
            continue
        has_spoken = True
        if reach == "unclear" and case.declared.end_use not in regime.terms.exempt_end_uses:
            verdict.doubt(_undeclared(line, regime))
        elif _speaks(case, line, regime, verdict):
            demanding.append(regime)
    if not has_spoken:
        verdict.passed.append(Reason(rule="regime.none", says=f"line {line.line_no}: no regime requires a licence"))
    return demanding


def regimes_on(case: Case, line: ShipmentLine) -> list[Regime]:
    """Return the regimes in force that cover a line and do not exempt its end use."""
    s = case.declared
    return [
        regime
        for _, regime in sorted(case.book.regimes.items())
        if regime.is_in_force(case.at)
        and regime.reach(line.commodity, s.origin, s.destination, case.at) == "covered"
        and (s.end_use is None or s.end_use not in regime.terms.exempt_end_uses)
    ]


def _speaks(case: Case, line: ShipmentLine, regime: Regime, verdict: Verdict) -> bool:
    """Note what a regime that covers a line says; return whether it asks for a licence or a registration."""
    s, terms, where = case.declared, regime.terms, f"line {line.line_no}: {regime.terms.title}"
    if s.end_use is not None and s.end_use in terms.exempt_end_uses:
        verdict.passed.append(Reason(rule="regime.exempt", says=f"{where} exempts end use {s.end_use}"))
        return False
    barred = _barred(s, regime)
    if barred:
        says = f"{where} bars {barred}, whatever the licence"
        verdict.refuse(Reason(rule="regime.barred", says=says, remedy=NONE_WHILE_BARRED))
    requires = regime.phase(case.at).requires
    if requires == "prohibition":
        says = f"{where} prohibits export to {s.destination}"
        verdict.refuse(Reason(rule="regime.prohibited", says=says, remedy=_until(regime, case.at)))
    elif requires == "nothing":
        verdict.passed.append(Reason(rule="regime.watched", says=f"{where} watches the goods and asks for nothing"))
    return requires in ("licence", "registration")


def _barred(s: Declaration, regime: Regime) -> str:
    if s.end_use is not None and s.end_use in regime.terms.barred_end_uses:
        return f"end use {s.end_use}"
    names = [name for name in (s.end_user, s.consignee) if name in regime.terms.barred_end_users]
    return f"end user {names[0]}" if names else ""


def _undeclared(line: ShipmentLine, regime: Regime) -> Reason:
    says = (
        f"line {line.line_no}: {regime.terms.title} covers such goods if they contain certain elements; none is named"
    )
    return Reason(rule="goods.undeclared", says=says, remedy=f"declare the elements of line {line.line_no}")


def _until(regime: Regime, at: datetime) -> str:
    until = [moment for moment in regime.boundaries() if moment > at]
    return f"none before {min(until).date().isoformat()}" if until else NONE_WHILE_BARRED
