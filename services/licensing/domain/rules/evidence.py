"""Whether the documents that regimes and licences ask for, e.g. sustainability certificates, are there and valid."""

from datetime import datetime

from services.licensing.domain.rules.regimes import regimes_on
from services.licensing.domain.rules.verdict import Case
from shared.events import LicenceTerms, Reason, ShipmentLine


def evidence_faults(case: Case, line: ShipmentLine, terms: LicenceTerms | None, at: datetime) -> list[Reason]:
    """Return what is missing or not valid at a time, of what the licence and the line's regimes ask for."""
    wanted = dict.fromkeys(terms.needs_evidence, f"licence {terms.licence_id}") if terms else {}
    wanting = any(regime.terms.needs_evidence for regime in case.book.regimes.values())
    for regime in regimes_on(case, line) if wanting else ():
        wanted |= dict.fromkeys(regime.terms.needs_evidence, regime.terms.title)
    return [fault for kind, who in sorted(wanted.items()) if (fault := _fault(case, line, kind, who, at))]


def _fault(case: Case, line: ShipmentLine, kind: str, who: str, at: datetime) -> Reason | None:
    shown = [e for e in case.declared.evidence if e.kind == kind]
    if any(e.valid_from <= at < e.valid_until for e in shown):
        return None
    remedy = f"add evidence of kind {kind} that is valid on {at.date().isoformat()}"
    if not shown:
        says = f"line {line.line_no}: {who} asks for {kind} and none is declared"
    else:
        last = max(shown, key=lambda e: e.valid_until)
        window = f"from {last.valid_from.isoformat()} until {last.valid_until.isoformat()}"
        says = (
            f"line {line.line_no}: {who} asks for {kind}; {last.reference} is valid {window}, not at {at.isoformat()}"
        )
    return Reason(rule="licence.evidence", says=says, remedy=remedy)
