"""What licensing refuses changes nothing: the books are as if the event had never come."""

import ast
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import services.licensing
from services.licensing.domain.book import Book
from services.licensing.domain.lanes import Lane
from services.licensing.domain.ledger import Account
from services.licensing.domain.licences import TRANSITIONS, Licence
from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import read_trade_event
from shared.errors import PermanentError
from tests.support.trade import MAGNET, batch, declared, event, licence, milestone, quota, regime, tick

LICENSING = Path(services.licensing.__file__).parent
NOTED = {"endings", "applied", "woken", "parkings", "wakes", "due_licences", "lane_families", "policy"}
"""What became of events, and what the working set holds of what is elsewhere: no part of the books."""
DAY = "2025-05-{:02d}T08:00:00Z"
EUR, USD = ({"amount": "900.00", "currency": currency} for currency in ("EUR", "USD"))
COVERS = {"hs": ["850511"]}
MOST = {"value": "1000000000", "unit": "TNE"}


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
    for name in ("parked", "histories"):
        found[name] = {key: list(some) for key, some in found[name].items() if some}
    return found


def untouched(book: Book) -> dict[str, Any]:
    """A picture of books of which nothing is left to be written."""
    book.touched.clear()
    return picture(book)


def line(line_no: int = 1, kg: str | None = "1000", **over: Any) -> dict[str, Any]:
    mass = {"mass": {"value": kg, "unit": "KGM"}} if kg else {}
    return {"line_no": line_no, "covers": COVERS, **mass, **over}


def step(kind: str, **data: Any) -> bytes:
    return event(kind, data, time=DAY.format(20))


def amended(**over: Any) -> bytes:
    return licence(kind="trade.licence.amended", time=DAY.format(20), **over)


def corrected(shipment_id: str, **over: Any) -> bytes:
    return declared(shipment_id, time=DAY.format(20), **over).replace(b"shipment.declared", b"shipment.corrected")


def retracted(entity: str, event_id: str, **over: Any) -> bytes:
    data = {"entity": entity, "source": "/test", "id": event_id}
    return event("trade.event.retracted", data, time=DAY.format(20), **over)


def review(step: str, shipment_id: str) -> bytes:
    data = {"shipment_id": shipment_id, "officer": "O", "reason": "seen"}
    return event(f"trade.review.{step}", data, time=DAY.format(20))


def tranche(tranche_id: str, **over: Any) -> dict[str, Any]:
    return {"tranche_id": tranche_id, "opens_at": "2025-09-01T00:00:00Z", "amount": {"value": "1"}, **over}


def allocated(*masses: dict[str, Any]) -> bytes:
    allocations = [{"exporter": "X", "amount": mass} for mass in masses]
    return step("trade.quota.allocated", quota_id="Q-1", allocations=allocations)


class Case(NamedTuple):
    """Books that stand, and an event that they refuse with a pointer and words."""

    name: str
    log: tuple[bytes, ...]
    refused: bytes
    pointer: str | None
    says: str


REGIME, LICENCE = regime(id="regime"), licence(lines=[line(value=EUR)], id="licence")
PERMITTED = declared("S1", commodity=MAGNET, id="declared")
SUB = {"sub_limit_id": "HEAVY", "covers": [COVERS]}
STOPPED = (REGIME, LICENCE, declared("S1", licence_id="L-1", kg="10"), milestone("S1", "cancelled"))
FIVE = [tranche(f"T{n}", amount=MOST) for n in range(5)]
WHERE = "/data/shipment_id"

CASES = [
    Case("declared twice", (PERMITTED,), declared("S1", commodity=MAGNET), WHERE, "shipment S1 was declared before"),
    Case(
        "declared otherwise while it waits",
        (REGIME, declared("S1", licence_id="L-9")),
        declared("S1", licence_id="L-9", kg="7"),
        WHERE,
        "shipment S1 was declared before",
    ),
    Case("corrected when it is over", STOPPED, corrected("S1"), WHERE, "was cancelled cannot be corrected"),
    Case(
        "cancelled when it has left",
        (PERMITTED, milestone("S1", "departed")),
        milestone("S1", "cancelled"),
        WHERE,
        "that has departed cannot be cancelled",
    ),
    Case("cleared when it is over", STOPPED, milestone("S1", "cleared"), WHERE, "was cancelled cannot be cleared"),
    Case("released though not held", (PERMITTED,), review("released", "S1"), WHERE, "shipment S1 is permitted"),
    Case("overridden though permitted", (PERMITTED,), review("overridden", "S1"), WHERE, "shipment S1 is permitted"),
    Case("reviewed when it is over", STOPPED, review("rejected", "S1"), WHERE, "shipment S1 is cancelled"),
    Case("a batch twice", (batch("B-1"),), batch("B-1"), "/data/batch_id", "batch B-1 was issued before"),
    Case("a regime twice", (REGIME,), regime(), "/data/regime_id", "regime R-18 was announced before"),
    Case("a quota twice", (quota(),), quota(kg="5"), "/data/quota_id", "quota Q-1 was opened before"),
    Case(
        "a quota of more than there can be, later on",
        (),
        quota(tranches=FIVE),
        "/data/tranches",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a sub-limit of more than there can be",
        (),
        quota(
            sub_limits=[SUB],
            tranches=[
                tranche(f"T{n}", opens_at=DAY.format(1), sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}])
                for n in range(5)
            ],
        ),
        "/data/tranches",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche of more than there can be",
        (quota(tranches=FIVE[:3]),),
        step("trade.quota.tranche_released", quota_id="Q-1", tranche_id="T9", amount=MOST),
        "/data/amount",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche that makes a sub-limit more than there can be",
        (
            quota(
                sub_limits=[SUB],
                tranches=[tranche(f"T{n}", sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}]) for n in range(4)],
            ),
        ),
        step(
            "trade.quota.tranche_released",
            quota_id="Q-1",
            tranche_id="T9",
            amount={"value": "1"},
            sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}],
        ),
        "/data/sub_limits",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche twice",
        (quota(tranches=[tranche("T1")]),),
        step("trade.quota.tranche_released", quota_id="Q-1", tranche_id="T1", amount={"value": "5"}),
        "/data/tranche_id",
        "tranche T1 was released before",
    ),
    Case(
        "a tranche of a sub-limit that is not there",
        (quota(sub_limits=[SUB]),),
        step(
            "trade.quota.tranche_released",
            quota_id="Q-1",
            tranche_id="T1",
            amount={"value": "5"},
            sub_limits=[
                {"sub_limit_id": "HEAVY", "amount": {"value": "1"}},
                {"sub_limit_id": "LIGHT", "amount": {"value": "1"}},
            ],
        ),
        "/data/sub_limits/1/sub_limit_id",
        "no sub-limit LIGHT",
    ),
    Case(
        "allocated more than there can be",
        (quota(is_allocated=True), allocated(MOST, MOST)),
        allocated(MOST, MOST, MOST),
        "/data/allocations",
        "more than 4,000,000,000 t",
    ),
    Case(
        "returned more than allocated",
        (quota(is_allocated=True),),
        step("trade.quota.returned", quota_id="Q-1", exporter="X", amount={"value": "1"}),
        "/data/amount",
        "X",
    ),
    Case(
        "returned what is drawn",
        (quota(is_allocated=True), allocated({"value": "100"}), declared("S1", commodity=MAGNET, kg="60")),
        step("trade.quota.returned", quota_id="Q-1", exporter="X", amount={"value": "41"}),
        "/data/amount",
        "X has not so much left of its allocation",
    ),
    Case(
        "retracted twice",
        (PERMITTED, retracted("shipment:S1", "declared")),
        retracted("shipment:S1", "declared"),
        "/data/id",
        "was retracted before",
    ),
    Case(
        "a retraction retracted",
        (PERMITTED, retracted("shipment:S1", "declared", id="back")),
        retracted("shipment:S1", "back"),
        "/data/id",
        "a retraction cannot be retracted",
    ),
    Case(
        "used before, of no line",
        (LICENCE,),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=2, mass={"value": "1"}),
        "/data/mass",
        "line 2 of licence L-1 grants no MGM",
    ),
    Case(
        "used before, in another currency",
        (LICENCE,),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=1, mass={"value": "1"}, value=USD),
        "/data/value",
        "grants no USD",
    ),
    Case(
        "used before, more value than granted",
        (LICENCE,),
        step(
            "trade.licence.use_brought_forward",
            licence_id="L-1",
            line_no=1,
            mass={"value": "1"},
            value={"amount": "900.01", "currency": "EUR"},
        ),
        "/data/value",
        "has not so much left",
    ),
    Case(
        "amended to another currency",
        (LICENCE, declared("S1", licence_id="L-1", kg="10")),
        amended(destinations=["DE", "FR"], lines=[line(2, kg="5"), line(1, kg="7", value=USD)]),
        "/data/lines/1/value/currency",
        "line 1 is kept in EUR and cannot change to USD",
    ),
    Case(
        "issued anew in another currency",
        (LICENCE, retracted("licence:L-1", "licence")),
        licence(lines=[line(value=USD)]),
        "/data/lines/0/value/currency",
        "line 1 is kept in EUR and cannot change to USD",
    ),
]


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


LICENCE_STEPS = ("applied", "issued", "amended", "suspended", "reinstated", "surrendered", "revoked")
LIVES: dict[str, tuple[bytes, ...]] = {
    "applied": (licence(kind="trade.licence.applied"),),
    "issued": (licence(valid_from="2025-06-01T00:00:00Z"),),
    "active": (licence(),),
    "suspended": (licence(), step("trade.licence.suspended", licence_id="L-1")),
    "exhausted": (
        licence(),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=1, mass={"value": "1000"}),
    ),
    "expired": (licence(valid_until="2025-05-10T00:00:00Z"), tick(DAY.format(11))),
    "surrendered": (licence(), step("trade.licence.surrendered", licence_id="L-1")),
    "revoked": (licence(), step("trade.licence.revoked", licence_id="L-1")),
}
"""By state of a licence: what brings it there."""
WAITS = {("applied", "amended")}
IMPOSSIBLE = [
    (state, step)
    for state in LIVES
    for step in LICENCE_STEPS
    if (state, step) not in TRANSITIONS and (state, step) not in WAITS
]


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


PRO_RATA = quota(kg="90", allocation="pro_rata", period_start="2025-05-02T00:00:00Z")
TWICE = declared("S1", commodity=MAGNET, kg="60")
WAITING = declared("S1", licence_id="L-9", kg="60")


class Second(NamedTuple):
    """A log in which one declaration comes twice, under two ids, while it waits."""

    name: str
    before: tuple[bytes, ...]
    first: bytes
    after: tuple[bytes, ...]


def again(body: bytes) -> bytes:
    return body.replace(b'"id": "e', b'"id": "second-e', 1)


SECONDS = [
    Second("on a pro-rata day", (PRO_RATA,), TWICE, (declared("S2", commodity=MAGNET, kg="60"), tick(DAY.format(3)))),
    Second("until it waited too long", (REGIME,), WAITING, (tick("2025-06-20T00:00:00Z"),)),
    Second("until its licence comes", (REGIME,), WAITING, (licence("L-9"),)),
]


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
