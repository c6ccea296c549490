"""What quotas say of a shipment line: whether each account that it draws on has enough."""

from services.licensing.domain.ledger import Draw
from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.quotas import Part, Quota
from services.licensing.domain.rules.verdict import Await, Case, Verdict, amount, balance
from shared.events import Reason, ShipmentLine


def judge_quotas(case: Case, line: ShipmentLine, verdict: Verdict) -> None:
    """Let every quota that concerns a line speak. Raises Missing."""
    for _, quota in sorted(case.book.quotas.items()):
        if quota.in_period(case.at) and quota.concerns(case.declared, line.commodity):
            verdict.quotas[quota.account_id] = None
            _judge_quota(case, line, quota, verdict)


def _judge_quota(case: Case, line: ShipmentLine, quota: Quota, verdict: Verdict) -> None:
    what = f"line {line.line_no}: quota {quota.terms.quota_id}"
    status = quota.answer(case.at)
    if status in ("closed", "suspended"):
        remedy = f"declare the goods as a new shipment once quota {quota.terms.quota_id} is reopened"
        verdict.refuse(Reason(rule=f"quota.{status}", says=f"{what} is {status}", remedy=remedy))
        if not case.waived_by:
            return
    if status == "blocked" and not case.waived_by:
        verdict.awaits.append(Await(f"quota:{quota.terms.quota_id}"))
        return
    try:
        mass_mg, how = measured(line, quota.terms.measure, case.book.policy)
    except Unmeasurable as fault:
        says = f"{what} counts {quota.terms.measure}: {fault}"
        verdict.doubted.append(Reason(rule="quota.measure", says=says, remedy=str(fault)))
        return
    key = (quota.terms.quota_id, line.line_no)
    if _waits_for_its_share(case, quota, key, verdict):
        return
    if key in case.allotted and case.allotted[key] < mass_mg:
        _hold_with_share(case, line, quota, mass_mg, case.allotted[key], verdict)
        return
    for part in quota.parts(case.declared, line.commodity, case.at):
        _judge_part(case, line, part, mass_mg, how, verdict)


def _waits_for_its_share(case: Case, quota: Quota, key: tuple[str, int], verdict: Verdict) -> bool:
    """Let the shipment wait for the end of a pro-rata day, unless that has passed in the log already."""
    ends = quota.shares_out(case.at)
    now = case.book.clock
    has_share = key in case.allotted or case.own.get(quota.account_id, 0)
    if ends is None or has_share or (now is not None and now >= ends):
        return False
    verdict.awaits.append(Await(f"allotment:{quota.terms.quota_id}:{ends.date().isoformat()}", ends))
    return True


def _judge_part(case: Case, line: ShipmentLine, part: Part, mass_mg: int, how: str, verdict: Verdict) -> None:
    account = case.book.account(part.account_id)
    free = verdict.free(account)
    what = f"line {line.line_no}: {part.name}" + (f" ({how})" if how else "")
    if mass_mg <= free:
        verdict.draws.append(Draw(account.account_id, line.line_no, mass_mg))
        verdict.passed.append(balance(part.rule, what, account, mass_mg, free))
    else:
        remedy = f"reduce line {line.line_no} to {amount(max(0, free), account.unit)}, or wait until the quota has more"
        verdict.refused.append(balance(part.rule, what, account, mass_mg, free, 0, remedy))


def _hold_with_share(
    case: Case, line: ShipmentLine, quota: Quota, asked_mg: int, share_mg: int, verdict: Verdict
) -> None:
    """Hold a line that was allotted less than it asked for, and set its share aside."""
    parts = quota.parts(case.declared, line.commodity, case.at)
    share_mg = max(0, min([share_mg, *(verdict.free(case.book.account(p.account_id)) for p in parts)]))
    account = case.book.account(quota.account_id)
    told = {"asked": amount(asked_mg, "MGM"), "allotted": amount(share_mg, "MGM"), "position": account.position}
    says = f"line {line.line_no}: quota {quota.terms.quota_id} was asked for more than it had; of {told['asked']} asked"
    says += f" {told['allotted']} are allotted"
    remedy = f"correct line {line.line_no} to {told['allotted']}, which are set aside for it"
    verdict.doubted.append(Reason(rule="quota.share", says=says, figures=told, remedy=remedy))
    if share_mg:
        verdict.shares += [Draw(part.account_id, line.line_no, share_mg) for part in parts]
