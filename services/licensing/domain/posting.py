"""The one place where accounts change: each entry is noted, lanes follow, and what became scarce is announced."""

from datetime import datetime

from services.licensing.domain import ledger
from services.licensing.domain.announcing import licence_changed, quota_changed
from services.licensing.domain.book import Book
from services.licensing.domain.gates import critical_percent
from services.licensing.domain.ledger import Account, Cause, Draw, Entry, EntryKind, account_parts
from services.licensing.domain.licences import next_state
from services.licensing.domain.on_lanes import lanes_of_quota, refresh_gates
from services.licensing.domain.opening import is_used_up, opened_by, recount
from services.licensing.domain.shipments import Shipment

FREES: frozenset[EntryKind] = frozenset({"give_back", "refund"})


def post(book: Book, draw: Draw, kind: EntryKind, amount: int, cause: Cause, at: datetime, beyond: int = 0) -> Entry:
    """Move an amount on an account and let everything that depends on it follow. Raises Missing."""
    account = book.account(draw.account_id)
    if kind in ("write_off", "unclear"):
        return _noted(book, ledger.post(account, kind, amount, cause, beyond))
    if account.account_id.startswith("quota:"):
        if account_parts(account.account_id)[1] not in book.quotas:  # It was taken back; what was drawn on it was not.
            return _noted(book, ledger.post(account, kind, amount, cause, beyond))
        before = quota_level(book, account)
        entry = _noted(book, ledger.post(account, kind, amount, cause, beyond))
        _quota_follows(book, account, before, at, cause.event)
        return entry
    licence = book.licence(account_parts(account.account_id)[1])
    line_no = _line_of(account)
    # As `recounting` does it: this is done for every draw, and a context manager takes as long as what it is for.
    opened = opened_by(book, licence, line_no)
    entry = _noted(book, ledger.post(account, kind, amount, cause, beyond))
    recount(book, licence, opened, at, cause.event, line_no)
    settle_licence(book, licence.licence_id, at, cause.event)
    return entry


def regrant(book: Book, account_id: str, unit: str, granted: int, cause: Cause) -> None:
    """Set what an account is granted; it is opened if it is new.

    Raises ValueError for an amount or a unit that it cannot have: whoever grants refuses that before.
    """
    account = book.accounts.setdefault(account_id, Account(account_id, unit))
    if not account.entries:
        account.unit = unit
    if account.unit != unit or granted > ledger.MAX_GRANT:
        raise ValueError(f"{account_id} is kept in {account.unit} and cannot be granted {granted} {unit}")
    if granted != account.granted or not account.entries:
        _noted(book, ledger.grant(account, granted, cause))


def settle_shipment(
    book: Book, shipment: Shipment, draws: tuple[Draw, ...], phase: str, at: datetime, caused_by: str
) -> tuple[str, ...]:
    """Bring what a shipment draws from where it is to where it shall be; return the names of the entries.

    What shrinks is posted before what grows, so that no account is asked for more than it has.
    """
    if draws == shipment.draws and phase == shipment.reservation:
        return ()
    if not draws and not shipment.draws:
        shipment.reservation = phase  # type: ignore[assignment]
        return ()
    names: list[str] = []
    todo = []
    for draw, was, wanted in _pairs(shipment.draws, draws):
        todo += [(draw, *step) for step in ledger.steps(was, shipment.reservation, wanted, phase)]
    for draw, kind, amount in sorted(todo, key=_grows):
        cause = Cause(caused_by, shipment.declared.shipment_id, draw.line_no)
        # What several lines take from an account together may rely on the tolerance that one of them was given.
        beyond = 0
        if kind == "reserve":
            beyond = max([d.beyond for d in draws if d.account_id == draw.account_id], default=0)
        names.append(post(book, draw, kind, amount, cause, at, beyond).name)
    shipment.draws, shipment.reservation = draws, phase  # type: ignore[assignment]
    return tuple(names)


def _pairs(old: tuple[Draw, ...], new: tuple[Draw, ...]) -> list[tuple[Draw, Draw | None, Draw | None]]:
    """Return by account and line, in this order, what is drawn and what shall be; first the newer of both."""
    if old == new:
        return [(draw, draw, draw) for draw in sorted(new)]
    was = {(draw.account_id, draw.line_no): draw for draw in old}
    wanted = {(draw.account_id, draw.line_no): draw for draw in new}
    return [(wanted.get(k) or was[k], was.get(k), wanted.get(k)) for k in sorted(was.keys() | wanted.keys())]


def _grows(step: tuple[Draw, EntryKind, int]) -> bool:
    return step[1] not in FREES


def settle_licence(book: Book, licence_id: str, at: datetime, caused_by: str) -> None:
    """Let a licence be exhausted when every line is used up, and active again when something came back."""
    licence = book.licence(licence_id)
    if licence.state not in ("active", "exhausted") or licence.terms is None:
        return
    step = "exhausted" if is_used_up(book, licence) else "replenished"
    state = next_state(licence, step)
    if state is not None:
        licence.state, licence.since = state, max(at, licence.since or at)
        book.touch("licence", licence_id)
        says = "is exhausted" if step == "exhausted" else "has something left again"
        licence_changed(book, licence, step, at, caused_by, says)


def quota_level(book: Book, account: Account) -> str:
    """Return whether the account of a quota, or of a part of it, is `open`, `critical` or `exhausted`."""
    quota = book.quotas[account_parts(account.account_id)[1]]
    if account.left == 0:
        return "exhausted"
    return "critical" if account.is_critical(critical_percent(quota, book.policy)) else "open"


def _quota_follows(book: Book, account: Account, before: str, at: datetime, caused_by: str) -> None:
    """Tell of a quota, or a sub-limit, that became nearly or fully used, or free again; its lanes are judged anew."""
    now = quota_level(book, account)
    if now == before:
        return
    parts = account_parts(account.account_id)
    is_whole, is_sub = len(parts) == 2, len(parts) == 4 and parts[2] == "sub"  # noqa: PLR2004 - quota:Q:sub:S
    if not (is_whole or is_sub):
        return
    quota = book.quotas[parts[1]]
    if now != "open":
        says = f"is {now}" if is_whole else f"sub-limit {parts[3]} is {now}"
        quota_changed(book, quota, account, now, at, caused_by, says)
    refresh_gates(book, lanes_of_quota(book, quota), at, caused_by)


def _noted(book: Book, entry: Entry) -> Entry:
    book.entries.append(entry)
    book.touch("account", entry.account_id)
    return entry


def _line_of(account: Account) -> int | None:
    """Return the line that an account of a licence belongs to; the one of its uses belongs to all."""
    part = account_parts(account.account_id)[2]
    return int(part) if part.isdecimal() else None
