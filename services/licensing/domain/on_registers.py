"""What regulators publish: regimes, quotas and licences, and what follows for the lanes."""

from datetime import datetime
from typing import assert_never

from services.licensing.domain import announcing, ledger, regimes
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.ledger import Account
from services.licensing.domain.licences import Licence, next_state
from services.licensing.domain.on_lanes import (
    lanes_of_licence,
    lanes_of_quota,
    lanes_of_regime,
    open_lanes,
    refresh_gates,
)
from services.licensing.domain.quotas import Quota
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import (
    LicenceAmended,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceReinstated,
    LicenceRevoked,
    LicenceSuspended,
    QuotaClosed,
    QuotaOpened,
    QuotaTrancheReleased,
    RegimeAmended,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
)

DECIDED = Ending("decided", "applied")


def on_regime_terms(book: Book, event: Event[RegimeAnnounced | RegimeAmended]) -> Ending:
    """Take in a regime, or its new terms. Raises PermanentError when it was announced before."""
    data = event.data
    before = book.regimes.get(data.regime_id)
    if isinstance(data, RegimeAmended) and before is None:
        return Ending("parked", "", f"regime:{data.regime_id}")
    if isinstance(data, RegimeAnnounced) and before is not None:
        raise PermanentError(f"regime {data.regime_id} was announced before", pointer="/data/regime_id")
    regime = book.regimes[data.regime_id] = regimes.announced(data, before)
    book.touch("regime", data.regime_id)
    affected = {*lanes_of_regime(book, regime), *(lanes_of_regime(book, before) if before else ())}
    step = "announced" if before is None else "amended"
    announcing.regime_changed(
        book, regime, step, event.time, event.name, f"{step}; in force from {data.effective_from.date().isoformat()}"
    )
    refresh_gates(book, sorted(affected), event.time, event.name)
    return DECIDED


def on_regime_changed(book: Book, event: Event[RegimeSuspended | RegimeReinstated | RegimeEnded]) -> Ending:
    """Suspend, reinstate or end a regime."""
    data = event.data
    before = book.regimes.get(data.regime_id)
    if before is None:
        return Ending("parked", "", f"regime:{data.regime_id}")
    regime = book.regimes[data.regime_id] = regimes.changed(before, data, event.time)
    book.touch("regime", data.regime_id)
    match data:
        case RegimeSuspended():
            until = f" until {data.suspended_until.date().isoformat()}" if data.suspended_until else ""
            step, says = "suspended", f"suspended from {data.suspended_from.date().isoformat()}{until}"
        case RegimeReinstated():
            step, says = "reinstated", "reinstated"
        case RegimeEnded():
            step, says = "ended", "ended"
        case _:
            assert_never(data)
    announcing.regime_changed(book, regime, step, event.time, event.name, says)
    refresh_gates(book, lanes_of_regime(book, regime), event.time, event.name)
    return DECIDED


def on_quota_opened(book: Book, event: Event[QuotaOpened]) -> Ending:
    """Open a quota. Raises PermanentError when it was opened before."""
    data = event.data
    if data.quota_id in book.quotas:
        raise PermanentError(f"quota {data.quota_id} was opened before", pointer="/data/quota_id")
    quota = book.quotas[data.quota_id] = Quota(data)
    book.touch("quota", data.quota_id)
    _grant(book, quota.account_id, data.initial.mg if data.initial else 0, event.name)
    return _quota_stepped(book, quota, "opened", event.time, event.name, f"opened: {data.title}")


def on_tranche_released(book: Book, event: Event[QuotaTrancheReleased]) -> Ending:
    """Add a tranche to what a quota has."""
    data = event.data
    quota = book.quotas.get(data.quota_id)
    if quota is None:
        return Ending("parked", "", f"quota:{data.quota_id}")
    account = book.account(quota.account_id)
    _grant(book, quota.account_id, account.granted_mg + data.amount.mg, event.name)
    says = f"got tranche {data.tranche_id}"
    return _quota_stepped(book, quota, "tranche_released", event.time, event.name, says)


def on_quota_closed(book: Book, event: Event[QuotaClosed]) -> Ending:
    """Close a quota to further draws."""
    quota = book.quotas.get(event.data.quota_id)
    if quota is None:
        return Ending("parked", "", f"quota:{event.data.quota_id}")
    quota.closed_at = min(event.time, quota.closed_at or event.time)
    book.touch("quota", event.data.quota_id)
    return _quota_stepped(book, quota, "closed", event.time, event.name, "closed")


def _quota_stepped(book: Book, quota: Quota, step: str, at: datetime, caused_by: str, says: str) -> Ending:
    announcing.quota_changed(book, quota, step, at, caused_by, says)
    refresh_gates(book, lanes_of_quota(book, quota), at, caused_by)
    return DECIDED


def on_batch_issued(book: Book, event: Event[LicenceBatchIssued]) -> Ending:
    """Announce a batch; its licences come as events of their own."""
    announcing.batch_issued(book, event.data, event.time, event.name)
    return DECIDED


def on_licence_terms(book: Book, event: Event[LicenceIssued | LicenceAmended]) -> Ending:
    """Take in a licence, or its new terms; a line that is no longer there keeps nothing but what was drawn.

    Raises PermanentError when it was issued before or ended for good.
    """
    data = event.data
    licence = book.licence(data.licence_id)
    step = "issued" if isinstance(data, LicenceIssued) else "amended"
    if step == "amended" and licence.state == "awaited":
        return Ending("parked", "", f"licence:{data.licence_id}")
    before = lanes_of_licence(book, licence)
    _step(licence, step, event.time)
    old = {line.line_no for line in licence.terms.lines} if licence.terms else set()
    licence.terms = data
    for line in data.lines:
        _grant(book, licence.account_of(line.line_no), line.mass.mg, event.name)
    for line_no in sorted(old - {line.line_no for line in data.lines}):
        _grant(book, licence.account_of(line_no), 0, event.name)
    book.touch("licence", data.licence_id)
    open_lanes(book, licence)
    until = data.valid_until.date().isoformat()
    announcing.licence_changed(book, licence, step, event.time, event.name, f"{step}, valid until {until}")
    refresh_gates(book, sorted({*before, *lanes_of_licence(book, licence)}), event.time, event.name)
    return DECIDED


def on_licence_step(book: Book, event: Event[LicenceSuspended | LicenceReinstated | LicenceRevoked]) -> Ending:
    """Suspend, reinstate or revoke a licence. Raises PermanentError when its state does not allow it."""
    licence = book.licence(event.data.licence_id)
    if licence.state == "awaited":
        return Ending("parked", "", f"licence:{event.data.licence_id}")
    step = event.data.TYPE.rpartition(".")[2]
    change_state(book, licence, step, event.time, event.name)
    return DECIDED


def change_state(book: Book, licence: Licence, step: str, at: datetime, caused_by: str) -> None:
    """Take a licence through a step of its table, announce it and judge its lanes anew."""
    _step(licence, step, at)
    book.touch("licence", licence.licence_id)
    announcing.licence_changed(book, licence, step, at, caused_by, step)
    refresh_gates(book, lanes_of_licence(book, licence), at, caused_by)


def _step(licence: Licence, step: str, at: datetime) -> None:
    state = next_state(licence, step)
    if state is None:
        raise PermanentError(
            f"licence {licence.licence_id} is {licence.state} and cannot be {step}", pointer="/data/licence_id"
        )
    licence.state, licence.since = state, at


def _grant(book: Book, account_id: str, granted_mg: int, caused_by: str) -> None:
    if granted_mg > ledger.MAX_GRANT_MG:
        raise PermanentError(f"{account_id} would be granted more than 4,000,000,000 t", pointer="/data/amount")
    account = book.accounts.setdefault(account_id, Account(account_id))
    if granted_mg != account.granted_mg:
        book.entries.append(ledger.grant(account, granted_mg, caused_by))
    book.touch("account", account_id)
