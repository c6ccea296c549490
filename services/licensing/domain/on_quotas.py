"""What regulators say of quotas, and what follows for their accounts and lanes."""

from datetime import datetime
from typing import Any

from services.licensing.domain import announcing, quotas
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.ledger import MASS, Account, Cause, account_parts
from services.licensing.domain.on_lanes import lanes_of_quota, refresh_gates
from services.licensing.domain.posting import regrant
from services.licensing.domain.quotas import Quota, QuotaChange
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import QuotaAllocated, QuotaOpened, QuotaReturned, QuotaTrancheReleased

DECIDED = Ending("decided", "applied")


def on_quota_opened(book: Book, event: Event[QuotaOpened]) -> Ending:
    """Open a quota. Raises PermanentError when it was opened before."""
    data = event.data
    if data.quota_id in book.quotas:
        raise PermanentError(f"quota {data.quota_id} was opened before", pointer="/data/quota_id")
    take_over(
        book, quotas.opened(data, now(book, event.time)), event.time, event.name, "opened", f"opened: {data.title}"
    )
    return DECIDED


def on_quota_changed(book: Book, event: Event[QuotaChange]) -> Ending:
    """Release a tranche, allocate, take back, block, suspend, reopen or close; waits for the quota.

    Raises PermanentError when the step does not fit the quota.
    """
    data = event.data
    quota = book.quotas.get(data.quota_id)
    if quota is None:
        return Ending("parked", "", f"quota:{data.quota_id}")
    if isinstance(data, QuotaReturned):
        left = book.account(quota.part_id("exporter", data.exporter)).left
        if data.amount.mg > left:
            raise PermanentError(f"{data.exporter} has not so much left of its allocation", pointer="/data/amount")
    step = data.TYPE.rpartition(".")[2]
    after = quotas.changed(quota, data, event.time, now(book, event.time))
    take_over(book, after, event.time, event.name, step, _says(data))
    return DECIDED


def take_over(book: Book, quota: Quota, at: datetime, caused_by: str, step: str | None, says: str) -> None:
    """Let a quota be like this: its accounts get what it grants, its lanes are judged, and it is announced.

    Raises Missing, PermanentError.
    """
    before = book.quotas.get(quota.terms.quota_id)
    grants = quota.grants()
    gone = dict.fromkeys(before.grants() if before else (), 0)
    for account_id, granted in {**gone, **grants}.items():
        if before is not None:
            book.account(account_id)
        regrant(book, account_id, MASS, granted, Cause(caused_by))
    book.quotas[quota.terms.quota_id] = quota
    book.touch("quota", quota.terms.quota_id)
    book.removed.discard(("quota", quota.terms.quota_id))
    if step is not None:
        announcing.quota_changed(book, quota, book.account(quota.account_id), step, at, caused_by, says)
    refresh_gates(book, lanes_of_quota(book, quota), at, caused_by)


def open_due_tranches(book: Book, quota_id: str, at: datetime, caused_by: str) -> None:
    """Open the tranches of a quota whose time has come."""
    before = book.quotas[quota_id]
    after = quotas.with_due_tranches(before, at)
    if after is not before:
        names = ", ".join(sorted(after.opened - before.opened))
        take_over(book, after, at, caused_by, "tranche_released", f"got tranche {names}")


def fold(book: Book, events: list[Event[Any]], at: datetime) -> Quota | None:
    """Return the quota that a history makes; a step that does not fit without the others makes nothing."""
    quota: Quota | None = None
    for event in events:
        if isinstance(event.data, QuotaOpened):
            quota = quotas.opened(event.data, now(book, at))
        elif quota is not None:
            try:
                quota = quotas.changed(quota, event.data, event.time, now(book, at))
            except PermanentError:
                continue
    return quota


def refold(book: Book, quota_id: str, events: list[Event[Any]], at: datetime, caused_by: str) -> None:
    """Let a quota be what a history without some event makes of it; one that was never opened grants nothing."""
    before = book.quotas.get(quota_id)
    if before is None:
        return
    after = fold(book, events, at)
    if after is None:  # Nothing opened it: it can be opened anew.
        account = _emptied(book, before, caused_by)
        announcing.quota_changed(book, before, account, "retracted", at, caused_by, "was taken back")
        del book.quotas[quota_id]
        book.removed.add(("quota", quota_id))
        book.touched["quota"].discard(quota_id)
        refresh_gates(book, lanes_of_quota(book, before), at, caused_by)
        return
    take_over(book, after, at, caused_by, "retracted", "was changed by a retraction")


def now(book: Book, at: datetime) -> datetime:
    """Return the time by which due times are judged: the log's own, or the event's if that is later."""
    return max(book.clock or at, book.plausible(at))


def _emptied(book: Book, quota: Quota, caused_by: str) -> Account:
    months = [i for i in book.accounts if account_parts(i)[:3] == ("quota", quota.terms.quota_id, "month")]
    for account_id in (*quota.grants(), *sorted(months)):
        book.account(account_id)
        regrant(book, account_id, MASS, 0, Cause(caused_by))
    return book.account(quota.account_id)


def _says(data: QuotaChange) -> str:
    if isinstance(data, QuotaTrancheReleased):
        return f"got tranche {data.tranche_id}"
    if isinstance(data, QuotaAllocated):
        return f"was allocated to {', '.join(a.exporter for a in data.allocations)}"
    if isinstance(data, QuotaReturned):
        return f"got back what {data.exporter} will not use"
    return f"is {data.TYPE.rpartition('.')[2]}" + (f": {data.reason}" if data.reason else "")
