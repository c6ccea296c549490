"""What authorities say of licences, and what follows for their accounts and lanes."""

from datetime import datetime
from typing import Any

from services.licensing.domain import announcing
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.ledger import Cause, Draw
from services.licensing.domain.licences import Licence, LicenceState, next_state, step_by_date
from services.licensing.domain.on_lanes import judge_new, lanes_of_licence
from services.licensing.domain.on_quotas import now
from services.licensing.domain.opening import openings, recounting
from services.licensing.domain.posting import post, regrant, settle_licence
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import (
    LicenceAmended,
    LicenceApplied,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceReinstated,
    LicenceRevoked,
    LicenceSurrendered,
    LicenceSuspended,
    LicenceTerms,
    LicenceUseBroughtForward,
)

STOPS: dict[str, LicenceState] = {
    "suspended": "suspended",
    "reinstated": "active",
    "surrendered": "surrendered",
    "revoked": "revoked",
}
"""Steps that say, for goods declared from their time on, whether the licence may be drawn."""
DECIDED = Ending("decided", "applied")
LicenceStep = LicenceSuspended | LicenceReinstated | LicenceRevoked | LicenceSurrendered


def on_batch_issued(book: Book, event: Event[LicenceBatchIssued]) -> Ending:
    """Take in and announce a batch; its licences come as events of their own.

    Raises PermanentError when it was issued before.
    """
    if event.data.batch_id in book.batches:
        raise PermanentError(f"batch {event.data.batch_id} was issued before", pointer="/data/batch_id")
    book.batches[event.data.batch_id] = event.data
    book.batches_issued[event.data.batch_id] = event.time
    announcing.batch_issued(book, event.data, event.time, event.name)
    return DECIDED


def on_licence_terms(book: Book, event: Event[LicenceApplied | LicenceIssued | LicenceAmended]) -> Ending:
    """Take in a licence, or its new terms; a line that is no longer there keeps nothing but what was drawn.

    Raises PermanentError when it was issued before or ended for good, or a line's currency would change.
    """
    data = event.data
    licence = book.licence(data.licence_id)
    step = data.TYPE.rpartition(".")[2]
    if step == "amended" and licence.state in ("awaited", "applied"):
        return Ending("parked", "", f"licence:{data.licence_id}")
    _check(licence, step)
    _check_currencies(book, licence, data)
    before = Licence(licence.licence_id, licence.state, licence.since, licence.terms)
    with recounting(book, licence, event.time, event.name):
        _step(licence, step, event.time)
        licence.terms = data
        licence.opens = openings(licence, book.policy)
        _regrant(book, before, licence, event.name)
        if licence.is_suspended:
            licence.state = "suspended"  # It expired meanwhile; new dates do not lift what an authority stopped.
        _settle_by_date(book, licence, event.time)
    book.touch("licence", data.licence_id)
    until = data.valid_until.date().isoformat()
    announcing.licence_changed(book, licence, step, event.time, event.name, f"{step}, valid until {until}")
    settle_licence(book, licence.licence_id, event.time, event.name)
    judge_new(book, lanes_of_licence(licence), event.time, event.name)
    return DECIDED


def on_licence_step(book: Book, event: Event[LicenceStep]) -> Ending:
    """Suspend, reinstate, surrender or revoke a licence. Raises PermanentError when its state does not allow it."""
    licence = book.licence(event.data.licence_id)
    if licence.state == "awaited":
        return Ending("parked", "", f"licence:{event.data.licence_id}")
    change_state(book, licence, event.data.TYPE.rpartition(".")[2], event.time, event.name)
    return DECIDED


def on_use_brought_forward(book: Book, event: Event[LicenceUseBroughtForward]) -> Ending:
    """Write off what was used before; waits for the licence.

    Raises PermanentError when the line is not there, counts in something else or has not so much left.
    """
    data = event.data
    licence = book.licence(data.licence_id)
    if licence.state in ("awaited", "applied"):
        return Ending("parked", "", f"licence:{data.licence_id}")
    asked = [
        ("/data/mass", licence.account_of(data.line_no), "MGM", data.mass.mg if data.mass else None),
        (
            "/data/value",
            licence.value_account_of(data.line_no),
            data.value.currency if data.value else "",
            data.value.units if data.value else None,
        ),
    ]
    grants = licence.grants()
    for pointer, account_id, unit, amount in asked:
        if amount is None:
            continue
        if grants.get(account_id, ("", 0))[0] != unit:
            raise PermanentError(f"line {data.line_no} of licence {data.licence_id} grants no {unit}", pointer=pointer)
        if amount > book.account(account_id).left:
            reason = f"line {data.line_no} of licence {data.licence_id} has not so much left"
            raise PermanentError(reason, pointer=pointer)
    for _, account_id, _, amount in asked:
        if amount:
            cause = Cause(event.name, None, data.line_no)
            post(book, Draw(account_id, data.line_no, amount), "brought_forward", amount, cause, event.time)
    return DECIDED


def change_state(book: Book, licence: Licence, step: str, at: datetime, caused_by: str) -> None:
    """Take a licence through a step of its table, announce it and let its lanes follow."""
    _check(licence, step)
    if licence.state == "applied":  # It ends without ever having granted anything.
        issued = Licence(licence.licence_id, "issued", licence.since, licence.terms)
        for account_id, (unit, _) in issued.grants().items():
            regrant(book, account_id, unit, 0, Cause(caused_by))
    is_overtaken = _is_overtaken(licence, step, at)
    with recounting(book, licence, at, caused_by):
        _step(licence, step, at)
        if licence.state == "issued":  # Reinstated: its dates say what it is.
            _settle_by_date(book, licence, at)
    book.touch("licence", licence.licence_id)
    says = f"was {step} on {at.date().isoformat()}, before what is known, and stays {licence.state}"
    announcing.licence_changed(book, licence, step, at, caused_by, says if is_overtaken else step)
    settle_licence(book, licence.licence_id, at, caused_by)


def on_date(book: Book, licence_id: str, at: datetime, caused_by: str) -> None:
    """Let a licence become active or expire where its dates say so at a time that has come."""
    licence = book.licence(licence_id)
    while (step := step_by_date(licence, at)) is not None:
        change_state(book, licence, step, at, caused_by)


def _settle_by_date(book: Book, licence: Licence, at: datetime) -> None:
    """Take the steps that the dates of new terms ask for at once."""
    while (step := step_by_date(licence, now(book, at))) is not None:
        _step(licence, step, at)


def _since(stop: tuple[datetime, LicenceState]) -> datetime:
    return stop[0]


def _since_when(licence: Licence, at: datetime) -> datetime:
    """Return since when a licence is what a step makes of it: a late step changes nothing before the ones known."""
    return max(at, licence.since or at)


def refold(
    book: Book, licence_id: str, taken_back: Event[Any], events: list[Event[Any]], at: datetime, by: str
) -> None:
    """Let a licence be what a history without some event makes of it; what was drawn on it stays drawn."""
    licence = book.licence(licence_id)
    before = Licence(licence_id, licence.state, licence.since, licence.terms)
    after = _fold(licence_id, events)
    with recounting(book, licence, at, by):
        licence.state, licence.since, licence.terms = after.state, _since_when(before, at), after.terms
        licence.stops = after.stops
        licence.opens = openings(licence, book.policy)
        _regrant(book, before, licence, by)
        _settle_by_date(book, licence, at)
    if isinstance(taken_back.data, LicenceUseBroughtForward):
        _take_back_use(book, licence, taken_back.data, at, by)
    book.touch("licence", licence_id)
    announcing.licence_changed(book, licence, "retracted", at, by, "was changed by a retraction")
    settle_licence(book, licence_id, at, by)


def _fold(licence_id: str, events: list[Event[Any]]) -> Licence:
    licence = Licence(licence_id)
    for event in events:
        step = event.data.TYPE.rpartition(".")[2]
        if next_state(licence, step) is not None:
            _step(licence, step, event.time)
            if isinstance(event.data, LicenceTerms):
                licence.terms = event.data
                if licence.is_suspended:
                    licence.state = "suspended"
    return licence


def _take_back_use(book: Book, licence: Licence, data: LicenceUseBroughtForward, at: datetime, by: str) -> None:
    amounts = {
        licence.account_of(data.line_no): data.mass.mg if data.mass else 0,
        licence.value_account_of(data.line_no): data.value.units if data.value else 0,
    }
    for account_id, amount in amounts.items():
        if amount:
            post(book, Draw(account_id, data.line_no, amount), "refund", amount, Cause(by, None, data.line_no), at)


def _regrant(book: Book, before: Licence, licence: Licence, caused_by: str) -> None:
    """Grant what the terms grant; what they no longer grant is cut to nothing."""
    old, new = before.grants(), licence.grants()
    for account_id, (unit, granted) in {**{i: (unit, 0) for i, (unit, _) in old.items()}, **new}.items():
        regrant(book, account_id, unit, granted, Cause(caused_by))


def _check(licence: Licence, step: str) -> None:
    if next_state(licence, step) is None:
        raise PermanentError(
            f"licence {licence.licence_id} is {licence.state} and cannot be {step}", pointer="/data/licence_id"
        )


def _check_currencies(book: Book, licence: Licence, terms: LicenceTerms) -> None:
    """Refuse another currency for a line that was granted a value before: what was drawn of it is kept in that one."""
    for index, line in enumerate(terms.lines):
        account = book.accounts.get(licence.value_account_of(line.line_no))
        if line.value and account and account.entries and account.unit != line.value.currency:
            reason = f"line {line.line_no} is kept in {account.unit} and cannot change to {line.value.currency}"
            raise PermanentError(reason, pointer=f"/data/lines/{index}/value/currency")


def _step(licence: Licence, step: str, at: datetime) -> None:
    state = next_state(licence, step)
    if state is not None:
        if not _is_overtaken(licence, step, at):
            licence.state, licence.since = state, _since_when(licence, at)
        if step in STOPS:
            licence.stops = tuple(sorted((*licence.stops, (at, STOPS[step])), key=_since))


def _is_overtaken(licence: Licence, step: str, at: datetime) -> bool:
    """Return whether a suspension or reinstatement comes after one that happened later: the later one stands."""
    return step in ("suspended", "reinstated") and bool(licence.stops) and at < licence.stops[-1][0]
