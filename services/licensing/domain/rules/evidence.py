"""Whether the documents that regimes and licences ask for, e.g. sustainability certificates, are there and valid."""

from datetime import datetime

from services.licensing.domain.licences import AWAITED, Licence
from services.licensing.domain.rules.regimes import regimes_on
from services.licensing.domain.rules.verdict import Case
from shared.events import LicenceTerms, Reason, ShipmentLine


def licence_faults(case: Case, line: ShipmentLine, terms: LicenceTerms, at: datetime) -> list[Reason]:
    """Return what a licence asks for that is missing or not valid at a time."""
    if not terms.needs_evidence:
        return []
    who = f"licence {terms.licence_id}"
    found = (_fault("licence.evidence", case, line, kind, who, at) for kind in sorted(set(terms.needs_evidence)))
    return [fault for fault in found if fault]


def regime_faults(case: Case, line: ShipmentLine, at: datetime) -> list[Reason]:
    """Return what the regimes on a line ask for that is missing or not valid at a time."""
    if not _regimes_ask(case):
        return []
    wanted: dict[str, str] = {}
    for regime in regimes_on(case, line):
        wanted |= dict.fromkeys(regime.terms.needs_evidence, regime.terms.title)
    found = (_fault("regime.evidence", case, line, kind, who, at) for kind, who in sorted(wanted.items()))
    return [fault for fault in found if fault]


def lapsed(case: Case, at: datetime) -> list[Reason]:
    """Return what was valid when the shipment was declared and no longer is at a later time. Raises Missing."""
    found: list[Reason] = []
    regimes_ask = _regimes_ask(case)
    for line in case.declared.lines:
        if not regimes_ask and not _licences_ask(case, line):
            continue
        faults = {(f.rule, f.says.partition(";")[0]): f for f in regime_faults(case, line, at)}
        before = {(f.rule, f.says.partition(";")[0]) for f in regime_faults(case, line, case.at)}
        for terms in _terms_on(case, line):
            faults |= {(f.rule, f.says.partition(";")[0]): f for f in licence_faults(case, line, terms, at)}
            before |= {(f.rule, f.says.partition(";")[0]) for f in licence_faults(case, line, terms, case.at)}
        found += [fault for key, fault in faults.items() if key not in before]
    return found


def _terms_on(case: Case, line: ShipmentLine) -> list[LicenceTerms]:
    """Return the terms of the licences that a line went on, one for each authority that asks. Raises Missing."""
    if not _licences_ask(case, line):
        return []
    demanding = (r for r in regimes_on(case, line) if r.phase(case.at).requires in ("licence", "registration"))
    authorities = {r.terms.licensed_by or r.terms.authority for r in demanding}
    if not authorities:
        return []
    asked: dict[str, Licence] = {}
    for licence in (case.book.licence(licence_id) for licence_id in line.licences):
        if licence.terms is not None and licence.terms.authority in authorities:
            asked.setdefault(licence.terms.authority, licence)
    return [one.terms for one in asked.values() if one.terms is not None and one.state not in AWAITED]


def _regimes_ask(case: Case) -> bool:
    """Return whether any regime asks for evidence."""
    return any(regime.terms.needs_evidence for regime in case.book.regimes.values())


def _licences_ask(case: Case, line: ShipmentLine) -> bool:
    """Return whether some licence of a line may ask for evidence; of one that is not loaded it is not known."""
    for licence_id in line.licences:
        licence = case.book.licences.get(licence_id)
        if licence is None or (licence.terms is not None and licence.terms.needs_evidence):
            return True
    return False


def _fault(rule: str, case: Case, line: ShipmentLine, kind: str, who: str, at: datetime) -> Reason | None:
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
    return Reason(rule=rule, says=says, remedy=remedy)
