"""What licensing refuses changes nothing: the books are as if the event had never come."""

import ast
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import services.licensing
from services.licensing.domain.book import Book
from services.licensing.domain.lanes import Lane
from services.licensing.domain.ledger import Account
from services.licensing.domain.licences import Licence
from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import read_trade_event
from shared.errors import PermanentError
from tests.support.refused import (
    CASES,
    DAY,
    IMPOSSIBLE,
    LIVES,
    PERMITTED,
    SECONDS,
    Case,
    Second,
    again,
    allocated,
    retracted,
    step,
)
from tests.support.trade import MAGNET, declared, licence, milestone, quota, tick

LICENSING = Path(services.licensing.__file__).parent
NOTED = {
    "seen",
    "endings",
    "applied",
    "woken",
    "parkings",
    "wakes",
    "due_licences",
    "lane_families",
    "lane_groups",
    "policy",
}
"""What became of events, and what the working set holds of what is elsewhere: no part of the books."""


def made(policy: Policy, *log: bytes) -> WholeBook:
    book = WholeBook(policy)
    for body in log:
        book.apply(read_trade_event(body))
    return book


def picture(book: Book) -> dict[str, Any]:
    """A deep copy of the books; what only holds the place of something that may come is no part of them."""
    found = {f.name: deepcopy(getattr(book, f.name)) for f in fields(Book) if f.name not in NOTED}
    found["licences"] = {i: x for i, x in found["licences"].items() if x != Licence(i)}
    found["accounts"] = {i: x for i, x in found["accounts"].items() if x != Account(i)}
    found["lanes"] = {i: x for i, x in found["lanes"].items() if x != Lane(*i.split(":"))}
    found["rulebooks"] = {version: (each.ordinal, each.caused_by) for version, each in book.rulebooks.items()}
    for name in ("parked", "histories"):
        found[name] = {key: list(some) for key, some in found[name].items() if some}
    return found


def untouched(book: Book) -> dict[str, Any]:
    """A picture of books of which nothing is left to be written."""
    book.touched.clear()
    return picture(book)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_refused_event_leaves_the_books_as_they_were(policy: Policy, case: Case) -> None:
    book = made(policy, *case.log)
    assert "dead" not in {ending.status for ending in book.endings.values()}, "what stands before is sound"
    before = untouched(book)
    ending = book.apply(read_trade_event(case.refused))
    assert (ending.status, ending.pointer) == ("dead", case.pointer)
    assert case.says in ending.outcome
    assert picture(book) == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_follows_a_refused_event_is_as_without_it(policy: Policy, case: Case) -> None:
    after = (
        tick(DAY.format(21)),
        declared("S8", commodity=MAGNET, kg="10", time=DAY.format(21)),
        milestone("S8", "cleared", time=DAY.format(21)),
        tick(DAY.format(25)),
    )
    assert picture(made(policy, *case.log, case.refused, *after)) == picture(made(policy, *case.log, *after))


@pytest.mark.parametrize("state, what", IMPOSSIBLE)
def test_a_step_that_a_licence_cannot_take_leaves_it_as_it_was(policy: Policy, state: str, what: str) -> None:
    book = made(policy, *LIVES[state])
    assert book.licence("L-1").state == state
    before = untouched(book)
    kind = f"trade.licence.{what}"
    is_terms = what in ("applied", "issued", "amended")
    body = licence(kind=kind, kg="5") if is_terms else step(kind, licence_id="L-1")
    ending = book.apply(read_trade_event(body))
    assert (ending.status, ending.pointer) == ("dead", "/data/licence_id")
    assert ending.outcome == f"licence L-1 is {state} and cannot be {what}"
    assert picture(book) == before


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_a_declaration_that_comes_twice_while_it_waits_counts_once(policy: Policy, second: Second) -> None:
    once = made(policy, *second.before, second.first, *second.after)
    twice = made(policy, *second.before, second.first, again(second.first), *second.after)
    ends = sorted(ending.status for ending in twice.endings.values())
    assert ends.count("dead") == 1
    assert picture(twice) == picture(once)


def test_another_body_under_the_same_id_leaves_the_books_as_they_were(policy: Policy) -> None:
    book = made(policy, PERMITTED)
    before = untouched(book)
    ending = book.apply(read_trade_event(declared("S1", commodity=MAGNET, kg="7", id="declared")))
    assert ending.status == "dead"
    assert picture(book) == before


def test_every_refusal_of_the_domain_is_shown_here(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new `raise PermanentError` in the domain asks for a case above."""
    raised: set[tuple[str, int]] = set()
    begin: Callable[..., None] = PermanentError.__init__

    def noting(self: PermanentError, *args: Any, **more: Any) -> None:
        frame = sys._getframe(1)
        raised.add((frame.f_code.co_filename, frame.f_lineno))
        begin(self, *args, **more)

    monkeypatch.setattr(PermanentError, "__init__", noting)
    for case in CASES:
        made(policy, *case.log, case.refused)
    for second in SECONDS:
        made(policy, *second.before, second.first, again(second.first), *second.after)
    # A step that no longer fits what remains of a history says nothing.
    given = allocated({"value": "100"})
    back = step("trade.quota.returned", quota_id="Q-1", exporter="X", amount={"value": "1"})
    made(policy, quota(is_allocated=True), given, back, retracted("quota:Q-1", json.loads(given)["id"]))
    state, what = IMPOSSIBLE[-1]
    made(policy, *LIVES[state], step(f"trade.licence.{what}", licence_id="L-1"))
    unseen = [
        f"{file}:{node.lineno}"
        for file in sorted((LICENSING / "domain").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Raise) and "PermanentError" in ast.dump(node)
        if not any((str(file), number) in raised for number in range(node.lineno, (node.end_lineno or 0) + 1))
    ]
    assert unseen == []
