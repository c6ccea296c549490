"""Asks every rule of every line of a shipment, all or nothing."""

from services.licensing.domain.rules.evidence import regime_faults
from services.licensing.domain.rules.licences import judge_licences
from services.licensing.domain.rules.monitoring import judge_monitoring
from services.licensing.domain.rules.quotas import judge_quotas
from services.licensing.domain.rules.regimes import judge_regimes
from services.licensing.domain.rules.verdict import Case, Verdict


def judge(case: Case) -> Verdict:
    """Return what the rules say of a declaration. Raises Missing for what is not loaded.

    A shipment is permitted when each of its lines is, and draws only then.
    """
    verdict = Verdict(case)
    for line in case.declared.lines:
        demanding = judge_regimes(case, line, verdict)
        for reason in regime_faults(case, line, case.at):
            verdict.doubt(reason)
        judge_licences(case, line, demanding, verdict)
        judge_quotas(case, line, verdict)
    judge_monitoring(case, verdict)
    return verdict
