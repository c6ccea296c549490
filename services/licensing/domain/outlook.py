"""What is known of an account's future: when it ends, and what will be granted beside what is there."""

from dataclasses import replace
from datetime import UTC, datetime

from services.licensing.domain.forecasting import Tranche
from services.licensing.domain.ledger import account_parts
from services.licensing.domain.quotas import Quota

_DECEMBER = 12


def is_month(account_id: str) -> bool:
    """Return whether an account is the cap of one month of a quota."""
    kind, _, *part = account_parts(account_id)
    return kind == "quota" and part[:1] == ["month"]


def end_of(quota: Quota, account_id: str, now: datetime) -> datetime:
    """Return when an account of a quota can be drawn no more; a quota that was closed has ended."""
    if quota.status(now) == "closed":
        return now
    ends = quota.terms.period_end
    return min(ends, _month_after(account_parts(account_id)[3])) if is_month(account_id) else ends


def _month_after(month: str) -> datetime:
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    if first.month == _DECEMBER:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)


def coming(quota: Quota) -> dict[str, list[Tranche]]:
    """Return by account what the tranches that have not opened yet will grant it, in the order of their times."""
    found: dict[str, list[Tranche]] = {}
    before = quota.grants()
    for tranche in sorted(quota.tranches, key=lambda t: (t.opens_at, t.tranche_id)):
        quota = replace(quota, opened=quota.opened | {tranche.tranche_id})
        after = quota.grants()
        for account_id, granted in after.items():
            if (more := granted - before.get(account_id, 0)) > 0:
                found.setdefault(account_id, []).append(Tranche(tranche.opens_at, more))
        before = after
    return found
