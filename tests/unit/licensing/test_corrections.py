"""Corrections, retractions and reviews: compensating entries only, and the decision that changed is superseded."""

from typing import Any

import pytest

from tests.support.books import Books
from tests.support.trade import declared, event, licence, milestone, quota, regime, tick

LICENCE = "licence:L-1:1"


def ship(kg: str, **over: Any) -> bytes:
    return declared("S1", licence_id="L-1", kg=kg, id="s1-declared", **over)


def corrected(kg: str, **over: Any) -> bytes:
    return declared("S1", licence_id="L-1", kg=kg, kind="trade.shipment.corrected", **over)


def retracted(entity: str, event_id: str) -> bytes:
    return event("trade.event.retracted", {"entity": entity, "source": "/test", "id": event_id, "reason": "wrong"})


def review(step: str, shipment_id: str = "S1") -> bytes:
    said = {"shipment_id": shipment_id, "officer": "officer-12", "reason": "seen in the original"}
    return event(f"trade.review.{step}", said)


@pytest.fixture
def opened(books: Books) -> Books:
    books.feed(regime(), licence(kg="1000", id="l1-issued"))
    return books


@pytest.mark.parametrize(
    "is_cleared,kg,balance,kinds",
    [
        (False, "150", (1000, 150, 0), ["grant", "reserve", "reserve"]),
        (False, "70", (1000, 70, 0), ["grant", "reserve", "give_back"]),
        (True, "150", (1000, 0, 150), ["grant", "reserve", "write_off", "reserve", "write_off"]),
        (True, "70", (1000, 0, 70), ["grant", "reserve", "write_off", "refund"]),
        (True, "100", (1000, 0, 100), ["grant", "reserve", "write_off"]),
    ],
)
def test_a_wrong_mass_is_put_right_by_the_difference(
    opened: Books, is_cleared: bool, kg: str, balance: tuple[int, int, int], kinds: list[str]
) -> None:
    opened.feed(ship("100"), *([milestone("S1", "cleared")] if is_cleared else []), corrected(kg))
    assert opened.balance(LICENCE) == balance
    assert opened.kinds(LICENCE) == kinds
    assert opened.book.superseded == {"S1#1": "S1#2"}
    assert opened.latest("S1").supersedes == "S1#1"


def test_a_correction_may_use_what_the_shipment_itself_has_drawn(opened: Books) -> None:
    opened.feed(ship("1000"), corrected("999"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("permitted", (1000, 999, 0))


def test_a_correction_beyond_what_is_left_gives_back_before_clearance_and_keeps_what_was_used_after(
    opened: Books,
) -> None:
    opened.feed(ship("100"), corrected("1001"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 0, 0))
    opened.feed(corrected("100"), milestone("S1", "cleared"), corrected("1001"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 0, 100))


def test_a_correction_waits_for_its_declaration(opened: Books) -> None:
    (ending,) = opened.feed(corrected("70"))
    assert ending.status == "parked"
    opened.feed(ship("100"))
    assert opened.balance(LICENCE) == (1000, 70, 0)


def test_a_declaration_is_withdrawn_after_delivery_and_can_be_declared_anew(opened: Books) -> None:
    opened.feed(ship("100"), milestone("S1", "cleared"), milestone("S1", "delivered"))
    opened.feed(retracted("shipment:S1", "s1-declared"))
    assert (opened.latest("S1").outcome, opened.balance(LICENCE)) == ("withdrawn", (1000, 0, 0))
    opened.feed(declared("S1", licence_id="L-1", kg="90"))
    assert opened.balance(LICENCE) == (1000, 0, 90), "the goods had left: what is declared anew is used at once"
    assert opened.book.superseded == {"S1#1": "S1#2", "S1#2": "S1#3"}


def test_a_milestone_taken_back_moves_the_shipment_back(opened: Books) -> None:
    opened.feed(ship("100"), milestone("S1", "cleared", id="c"), retracted("shipment:S1", "c"))
    assert (opened.balance(LICENCE), opened.book.shipments["S1"].progress) == ((1000, 100, 0), "declared")
    opened.feed(milestone("S1", "cleared"))
    assert opened.balance(LICENCE) == (1000, 0, 100)
    cleared = opened.book.lanes["magnets-controlled:CN:DE"].stats.cleared
    assert list(cleared.values()) == [(1, 100 * 10**6)], "it counts once, on its day"


def test_a_cancellation_taken_back_draws_again_if_enough_is_left(opened: Books) -> None:
    opened.feed(ship("600"), milestone("S1", "cancelled", id="c"))
    opened.feed(declared("S2", licence_id="L-1", kg="700"), retracted("shipment:S1", "c"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 700, 0))


def test_a_correction_taken_back_brings_the_declaration_back(opened: Books) -> None:
    opened.feed(ship("100"), corrected("500", id="k"), retracted("shipment:S1", "k"))
    assert opened.balance(LICENCE) == (1000, 100, 0)


def test_an_amended_licence_smaller_than_what_is_used_lets_nothing_more_out_until_it_came_back(opened: Books) -> None:
    opened.feed(ship("600"), licence(kg="500", kind="trade.licence.amended", id="a"))
    assert (opened.balance(LICENCE), opened.book.accounts[LICENCE].excess) == ((500, 600, 0), 100 * 10**6)
    opened.feed(declared("S2", licence_id="L-1", kg="1"))
    assert opened.outcome("S2") == "denied"
    opened.feed(retracted("licence:L-1", "a"))
    assert (opened.balance(LICENCE), opened.book.accounts[LICENCE].excess) == ((1000, 600, 0), 0)


@pytest.mark.parametrize("step,back", [("suspended", "active"), ("revoked", "active"), ("surrendered", "active")])
def test_a_step_of_a_licence_taken_back_leaves_it_as_it_was(opened: Books, step: str, back: str) -> None:
    opened.feed(tick("2025-05-02T00:00:00Z"), event(f"trade.licence.{step}", {"licence_id": "L-1"}, id="step"))
    assert opened.book.licences["L-1"].state == step
    opened.feed(retracted("licence:L-1", "step"))
    assert opened.book.licences["L-1"].state == back


def test_a_licence_issued_by_mistake_grants_nothing_and_can_be_issued_anew(opened: Books) -> None:
    opened.feed(ship("100"), retracted("licence:L-1", "l1-issued"))
    assert opened.balance(LICENCE) == (0, 100, 0)
    opened.feed(licence(kg="300"))
    assert (opened.balance(LICENCE), opened.book.licences["L-1"].state) == ((300, 100, 0), "active")


def test_a_use_brought_forward_counts_and_can_be_taken_back(opened: Books) -> None:
    use = {"licence_id": "L-1", "line_no": 1, "mass": {"value": "900"}}
    opened.feed(event("trade.licence.use_brought_forward", use, id="u"), ship("101"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 0, 900))
    opened.feed(retracted("licence:L-1", "u"))
    assert opened.balance(LICENCE) == (1000, 0, 0)


def test_a_regime_taken_back_asks_for_nothing_any_more(books: Books) -> None:
    books.feed(regime(id="r"), declared("S1"), retracted("regime:R-18", "r"), declared("S2"))
    assert (books.outcome("S1"), books.outcome("S2")) == ("denied", "permitted")


def test_an_event_is_taken_back_once_and_one_not_known_is_waited_for(opened: Books) -> None:
    waits, _, done, again = opened.feed(
        retracted("shipment:S1", "c"),
        ship("100"),
        milestone("S1", "cleared", id="c"),
        retracted("shipment:S1", "c"),
    )
    assert (waits.status, done.status, again.status) == ("parked", "decided", "dead")
    assert opened.balance(LICENCE) == (1000, 100, 0)


def test_a_waiting_declaration_taken_back_is_not_decided_when_its_licence_comes(books: Books) -> None:
    books.feed(regime(), ship("100"), retracted("shipment:S1", "s1-declared"), licence(kg="1000"))
    assert (books.outcome("S1"), books.balance(LICENCE)) == (None, (1000, 0, 0))


def test_an_officer_releases_what_waited_too_long_and_his_name_and_reason_stand(opened: Books) -> None:
    opened.feed(declared("S1", licence_id="L-2", kg="100"), tick("2025-06-01T00:00:00Z"))
    assert opened.outcome("S1") == "held"
    opened.feed(review("released"))
    assert opened.outcome("S1") == "permitted"
    first = opened.latest("S1").reasons[0]
    assert (first.rule, first.says) == ("review.released", "released by officer-12: seen in the original")


def test_an_override_draws_what_the_rules_would_have_drawn(opened: Books) -> None:
    opened.feed(ship("100", exporter="Another"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 0, 0))
    opened.feed(review("overridden"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("permitted", (1000, 100, 0))
    waived = next(reason for reason in opened.latest("S1").reasons if reason.rule == "licence.exporter")
    assert waived.says.endswith("waived by officer-12")


def test_no_officer_gives_a_quantity(opened: Books) -> None:
    opened.feed(quota(kg="50"), ship("100"), review("overridden"))
    assert (opened.outcome("S1"), opened.balance(LICENCE), opened.balance("quota:Q-1")) == (
        "denied",
        (1000, 0, 0),
        (50, 0, 0),
    )


def test_a_rejected_shipment_is_denied_and_what_is_not_held_cannot_be_released(opened: Books) -> None:
    opened.feed(declared("S1", licence_id="L-2", kg="100"), tick("2025-06-01T00:00:00Z"), review("rejected"))
    assert opened.outcome("S1") == "denied"
    (ending,) = opened.feed(review("released"))
    assert (ending.status, ending.pointer) == ("dead", "/data/shipment_id")


def test_a_review_taken_back_leaves_the_rules_decision(opened: Books) -> None:
    said = {"shipment_id": "S1", "officer": "officer-12", "reason": "by mistake"}
    opened.feed(ship("100", exporter="Another"), event("trade.review.overridden", said, id="o"))
    opened.feed(retracted("shipment:S1", "o"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("denied", (1000, 0, 0))


def certificate(until: str) -> dict[str, str]:
    return {"kind": "sustainability", "reference": "C-1", "valid_from": "2025-01-01T00:00:00Z", "valid_until": until}


def test_evidence_must_be_valid_at_declaration_and_at_clearance(books: Books) -> None:
    books.feed(regime(), licence(kg="1000", needs_evidence=["sustainability"]))
    books.feed(ship("100"))
    assert (books.outcome("S1"), books.rules("S1")[0]) == ("held", "licence.evidence")
    books.feed(corrected("100", evidence=[certificate("2025-05-02T12:00:00Z")]))
    assert books.outcome("S1") == "permitted"
    books.feed(milestone("S1", "cleared", time="2025-05-02T18:00:00Z"))
    assert (books.outcome("S1"), books.balance(LICENCE)) == ("held", (1000, 0, 100)), "it left, and is used"
    lane = books.book.lanes["magnets-controlled:CN:DE"].stats
    assert not lane.cleared
    books.feed(review("released"))
    assert (books.outcome("S1"), list(lane.cleared.values())) == ("permitted", [(1, 100 * 10**6)])


def stop(step: str, day: int, **over: str) -> bytes:
    return event(f"trade.licence.{step}", {"licence_id": "L-1"}, time=f"2025-05-{day:02d}T00:00:00Z", **over)


def test_a_revocation_that_comes_late_is_final_though_a_reinstatement_was_dated_after_it(opened: Books) -> None:
    opened.feed(stop("suspended", 10), stop("reinstated", 20), stop("revoked", 5))
    opened.feed(declared("S1", licence_id="L-1", time="2025-06-01T08:00:00Z"))
    assert (opened.outcome("S1"), opened.rules("S1")[0]) == ("denied", "licence.state")


def test_suspended_and_reinstated_at_the_same_moment_is_not_suspended(opened: Books) -> None:
    opened.feed(stop("suspended", 10), stop("reinstated", 10))
    opened.feed(declared("S1", licence_id="L-1", time="2025-06-01T08:00:00Z"))
    assert opened.outcome("S1") == "permitted"


def test_a_shipment_declared_before_a_suspension_may_be_corrected_after_it(opened: Books) -> None:
    opened.feed(ship("100"), stop("suspended", 10), corrected("120"))
    assert (opened.outcome("S1"), opened.balance(LICENCE)) == ("permitted", (1000, 120, 0))


def test_new_dates_do_not_lift_a_suspension(opened: Books) -> None:
    opened.feed(stop("suspended", 5), tick("2025-10-29T00:00:00Z"))
    opened.feed(
        licence(
            kg="1000", kind="trade.licence.amended", time="2025-10-30T00:00:00Z", valid_until="2026-05-01T00:00:00Z"
        )
    )
    assert opened.book.licences["L-1"].state == "suspended"
    (ending,) = opened.feed(event("trade.licence.reinstated", {"licence_id": "L-1"}, time="2025-11-01T00:00:00Z"))
    assert (ending.status, opened.book.licences["L-1"].state) == ("decided", "active")


def test_a_regime_whose_announcement_is_taken_back_is_gone_with_its_amendments(books: Books) -> None:
    books.feed(regime(id="r"), regime(kind="trade.regime.amended"), retracted("regime:R-18", "r"))
    assert books.book.regimes == {}
    (ending,) = books.feed(regime())
    assert ending.status == "decided"


def test_a_milestone_between_a_withdrawal_and_a_new_declaration_waits_and_counts(opened: Books) -> None:
    opened.feed(ship("100"), retracted("shipment:S1", "s1-declared"))
    (ending,) = opened.feed(milestone("S1", "cleared"))
    assert ending.status == "parked"
    opened.feed(declared("S1", licence_id="L-1", kg="90"))
    assert opened.balance(LICENCE) == (1000, 0, 90)


def test_the_order_in_which_milestones_arrive_does_not_matter_to_evidence(books: Books) -> None:
    books.feed(regime(), licence(kg="1000", needs_evidence=["sustainability"]))
    books.feed(ship("100", evidence=[certificate("2025-06-10T00:00:00Z")]))
    books.feed(milestone("S1", "delivered", time="2025-06-20T00:00:00Z"))
    assert books.outcome("S1") == "held"
    books.feed(milestone("S1", "cleared", time="2025-06-01T00:00:00Z"))
    assert books.outcome("S1") == "permitted"


def test_a_retraction_that_names_another_thing_takes_nothing_back(books: Books) -> None:
    books.feed(regime(), ship("100"))
    (ending,) = books.feed(retracted("shipment:S2", "s1-declared"))
    assert ending.status == "parked"
    books.feed(licence(kg="1000"))
    assert books.outcome("S1") == "permitted"


def test_nothing_is_decided_of_a_cancelled_shipment_whose_correction_is_taken_back(opened: Books) -> None:
    opened.feed(ship("100"), corrected("120", id="k"), milestone("S1", "cancelled"), retracted("shipment:S1", "k"))
    assert len(opened.book.decisions) == 2
    assert opened.balance(LICENCE) == (1000, 0, 0)


def test_a_denied_shipment_that_leaves_all_the_same_uses_nothing(opened: Books) -> None:
    opened.feed(ship("600"), corrected("1001"), declared("S2", licence_id="L-1", kg="700"), milestone("S1", "cleared"))
    assert opened.balance(LICENCE) == (1000, 700, 0)
