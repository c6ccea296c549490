"""Evidence that runs out, and what officers decide: the rules' own cases, with figures worked out by hand."""

from tests.model.play import Play, evidence
from tests.model.world import DYSPROSIUM, UNDECLARED, mass


def test_evidence_that_expired_by_clearance_holds_until_an_officer_releases(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 30, evidence=evidence(3))
    play.step("S", "cleared", at=3)
    assert (play.books.outcome("S"), play.sums()) == ("held", (100, 0, 30))
    play.review("S", "released")
    assert (play.books.outcome("S"), play.sums()) == ("permitted", (100, 0, 30))


def test_an_override_permits_against_the_rules_but_not_against_a_balance(play: Play) -> None:
    play.regime()
    play.licence(100, exporter="Y")
    play.ship("S1", 60)
    play.ship("S2", 60)
    play.review("S1", "overridden")
    play.review("S2", "overridden")
    assert [play.books.outcome(one) for one in ("S1", "S2")] == ["permitted", "denied"]
    assert play.sums() == (100, 60, 0)


def test_an_officer_releases_what_was_held(play: Play) -> None:
    play.regime()
    play.ship("S", 30, goods=UNDECLARED)
    assert play.books.outcome("S") == "held"
    play.review("S", "released")
    assert play.books.outcome("S") == "permitted"


def test_a_regime_that_asks_for_evidence_alone_holds_without_it(play: Play) -> None:
    play.regime(requires="nothing", needs_evidence=["origin"])
    play.ship("S", 10)
    assert play.outcomes("S") == ["held"]


def test_evidence_that_an_officer_did_without_does_not_expire(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10)
    play.review("S", "released")
    play.step("S", "cleared", at=4)
    assert play.outcomes("S") == ["permitted"]


def test_a_correction_without_new_evidence_does_not_lift_the_hold(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10, evidence=evidence(3))
    play.step("S", "cleared", at=4)
    play.ship("S", 9, kind="corrected", evidence=evidence(3))
    assert play.outcomes("S") == ["held"]


def test_a_hold_goes_with_the_clearance_that_brought_it(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10, evidence=evidence(3))
    cleared = play.step("S", "cleared", at=4)
    play.retract("shipment:S", cleared)
    assert (play.outcomes("S"), play.sums()) == (["permitted"], (100, 10, 0))


def test_a_hold_goes_with_the_clearance_that_brought_it_though_the_goods_left_before(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10, evidence=evidence(3))
    cleared = play.step("S", "cleared", at=4)
    play.step("S", "departed", at=2)
    play.retract("shipment:S", cleared)
    assert (play.outcomes("S"), play.sums()) == (["permitted"], (100, 0, 10))


def test_what_an_officer_rejected_draws_nothing_when_it_leaves(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 60, evidence=evidence(3))
    cleared = play.step("S", "cleared", at=4)
    play.review("S", "rejected")
    play.retract("shipment:S", cleared)
    play.ship("S2", 60, evidence=evidence(300))
    play.step("S", "cleared", at=2)
    assert play.sums() == (100, 60, 0)


def test_a_licence_that_no_regime_asked_for_asks_for_no_evidence(play: Play) -> None:
    play.regime(requires="nothing")
    play.licence(100, needs_evidence=["origin"])
    play.ship("S", 10, evidence=evidence(3))
    play.step("S", "cleared", at=4)
    assert play.outcomes("S") == ["permitted"]


def test_goods_that_left_only_after_their_evidence_had_expired_are_held(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10, evidence=evidence(3))
    departed = play.step("S", "departed", at=2)
    play.step("S", "cleared", at=4)
    play.retract("shipment:S", departed)
    assert (play.outcomes("S"), play.sums()) == (["held"], (100, 0, 10))


def test_an_application_asks_for_no_evidence(play: Play) -> None:
    play.ship("S", 10, evidence=evidence(3))
    play.regime()
    play.licence(100, kind="applied", needs_evidence=["origin"])
    play.step("S", "cleared", at=4)
    assert play.outcomes("S") == ["permitted"]


def test_a_licence_that_was_not_drawn_on_asks_for_no_evidence(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.licence(100, licence_id="L2", needs_evidence=["origin"])
    line = {"line_no": 1, "commodity": DYSPROSIUM, "net_mass": mass(10), "licence_id": "L1"}
    play.ship("S", 10, lines=[{**line, "other_licence_ids": ["L2"]}], evidence=evidence(3))
    play.step("S", "cleared", at=4)
    assert (play.outcomes("S"), play.sums()) == (["permitted"], (100, 0, 10))
