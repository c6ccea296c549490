"""The outlook of a licence's and a quota's accounts: when each ends, what will be granted yet, when it runs out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from services.licensing.domain.forecasting import Forecast, Past, Tranche, forecast
from services.licensing.domain.ledger import account_parts
from services.licensing.domain.licences import Licence
from services.licensing.domain.past import Drawings, past_of
from services.licensing.domain.quotas import Quota

_DECEMBER = 12
_OVER = frozenset({"expired", "surrendered", "revoked"})


class Outlook(NamedTuple):
    """What can be said of an account, and what it rests on."""

    account: Drawings
    past: Past
    ends: datetime
    coming: Sequence[Tranche]
    found: Forecast


def of_licence(licence: Licence, accounts: Sequence[Drawings], now: datetime) -> list[Outlook]:
    """Return the outlook of each account of a licence; one that is over has ended, whatever its dates say."""
    terms = licence.terms
    ends = terms.valid_until if terms else now
    told = []
    for account in accounts:
        past = past_of(account, max(account.since, terms.valid_from) if terms else account.since, now)
        found = forecast(past, account.left, now, now if licence.state in _OVER else ends)
        told.append(Outlook(account, past, ends, (), found))
    return told


def of_quota(quota: Quota, accounts: Sequence[Drawings], now: datetime) -> list[Outlook]:
    """Return the outlook of each account of a quota, with the tranches that are known to come."""
    more, start = coming(quota), quota.terms.period_start
    pasts = {account.account_id: past_of(account, max(account.since, start), now) for account in accounts}
    told = []
    for account in accounts:
        # A month is too short to tell a rate of its own; all that draws on it draws on the whole.
        of = quota.account_id if is_month(account.account_id) else account.account_id
        past, tranches = pasts.get(of, Past((), 0)), more.get(account.account_id, [])
        ends = end_of(quota, account.account_id, now)
        told.append(Outlook(account, past, ends, tranches, forecast(past, account.left, now, ends, tranches)))
    return told


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
