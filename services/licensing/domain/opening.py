"""Keeps in each lane the sums of what the licences that open it have, so that no one need add them up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from services.licensing.domain.book import Book
from services.licensing.domain.gates import level_now
from services.licensing.domain.lanes import Opening
from services.licensing.domain.licences import OPENS, Licence
from services.licensing.domain.on_lanes import refresh_gates
from services.licensing.domain.policy import Policy
from shared.events import LicenceLine

NOTHING = Opening()


@contextmanager
def recounting(
    book: Book, licence: Licence, at: datetime, caused_by: str, line_no: int | None = None
) -> Iterator[None]:
    """Bring the lanes' sums up to date with whatever is done to a licence, or to one of its lines, inside.

    Raises Missing for a lane or an account that is not loaded.
    """
    before = opened_by(book, licence, line_no)
    yield
    recount(book, licence, before, at, caused_by, line_no)


def recount(
    book: Book, licence: Licence, before: dict[str, Opening], at: datetime, caused_by: str, line_no: int | None = None
) -> None:
    """Bring the lanes' sums up to date, given what the licence or the line added before. Raises Missing."""
    after = opened_by(book, licence, line_no)
    if before == after:
        return
    stale = []
    for lane_id in {**before, **after}:
        was, is_now = before.get(lane_id, NOTHING), after.get(lane_id, NOTHING)
        if was == is_now:
            continue
        lane = book.lane(lane_id)
        lane.stats.opening = lane.stats.opening.changed(was, is_now)
        book.touch("lane", lane_id)
        if lane.stats.gate_as_of is None or level_now(lane, book.policy) != lane.stats.gate:
            stale.append(lane_id)
    if stale:
        refresh_gates(book, stale, at, caused_by)


def opened_by(book: Book, licence: Licence, line_no: int | None = None) -> dict[str, Opening]:
    """Return what a licence, or one line of it, adds to each of its lanes. Raises Missing."""
    found: dict[str, Opening] = {}
    if licence.terms is None or licence.state not in OPENS:
        return found
    for line in licence.terms.lines:
        if line_no is None or line.line_no == line_no:
            opening = _of_line(book, licence, line)
            for lane_id in licence.opens.get(line.line_no, ()):
                found[lane_id] = found[lane_id].changed(NOTHING, opening) if lane_id in found else opening
    return found


def openings(licence: Licence, policy: Policy) -> dict[int, tuple[str, ...]]:
    """Return the lanes that each line of a licence may open."""
    terms = licence.terms
    if terms is None or terms.kind == "certificate":
        return {}
    destinations = tuple(dict.fromkeys(terms.destinations))
    return {
        line.line_no: policy.lane_ids(policy.groups_near((line.covers,)), terms.origin, destinations, terms.exporter)
        for line in terms.lines
    }


def is_used_up(book: Book, licence: Licence) -> bool:
    """Return whether no line of a licence has anything left. Raises Missing."""
    if licence.terms is None:
        return False
    if licence.terms.kind == "single_use" and not book.account(licence.uses_account).left:
        return True
    return all(_is_line_used_up(book, licence, line) for line in licence.terms.lines)


def _is_line_used_up(book: Book, licence: Licence, line: LicenceLine) -> bool:
    if line.mass is not None and not book.account(licence.account_of(line.line_no)).left:
        return True
    return line.value is not None and not book.account(licence.value_account_of(line.line_no)).left


def _of_line(book: Book, licence: Licence, line: LicenceLine) -> Opening:
    terms = licence.terms
    is_spent = terms is not None and terms.kind == "single_use" and not book.account(licence.uses_account).left
    is_open = not is_spent and (line.value is None or book.account(licence.value_account_of(line.line_no)).left > 0)
    if line.mass is None:
        return Opening(0, 0, 1, int(is_open))
    account = book.account(licence.account_of(line.line_no))
    return Opening(account.granted, account.left if is_open else 0, 1, 0)
