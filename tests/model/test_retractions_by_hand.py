"""What a retraction leaves: the rules' own cases, with figures worked out by hand."""

from tests.model.play import Play
from tests.model.world import UNDECLARED, mass


def test_retractions_take_back_what_followed(play: Play) -> None:
    play.regime()
    play.licence(100)
    declared, cleared = play.ship("S", 30), play.step("S", "cleared")
    play.retract("shipment:S", cleared)
    assert play.sums() == (100, 30, 0)
    cancelled = play.step("S", "cancelled")
    play.retract("shipment:S", cancelled)
    assert play.sums() == (100, 30, 0)
    again = play.retract("shipment:S", declared)
    assert (play.books.outcome("S"), play.sums()) == ("withdrawn", (100, 0, 0))
    assert play.ended(play.retract("shipment:S", again)) == ["dead"]


def test_a_retraction_waits_for_its_event(play: Play) -> None:
    play.regime()
    play.licence(100)
    retraction = play.retract("shipment:S", f"/test e{play.count + 1}")
    assert play.books.endings()[retraction] == "parked"
    play.ship("S", 30)
    assert (play.books.endings()[retraction], play.sums()) == ("decided", (100, 0, 0))


def test_a_retracted_licence_grants_nothing_and_keeps_what_was_drawn(play: Play) -> None:
    play.regime()
    issued = play.licence(100)
    play.ship("S", 30)
    play.retract("licence:L1", issued)
    assert (play.sums(), play.books.licence_state("L1")) == ((0, 30, 0), None)


def test_an_officers_word_survives_a_retraction_that_does_not_concern_it(play: Play) -> None:
    play.regime()
    corrected = play.ship("S", 9, kind="corrected", goods=UNDECLARED)
    play.ship("S", 10, goods=UNDECLARED)
    play.ship("S", 8, kind="corrected", goods=UNDECLARED)
    play.review("S", "released")
    play.retract("shipment:S", corrected)
    assert play.outcomes("S") == ["permitted"]


def test_a_quota_that_was_opened_by_mistake_denies_nothing_and_can_be_opened(play: Play) -> None:
    opened = play.quota(10)
    play.retract("quota:Q1", opened)
    play.ship("S1", 20)
    again = play.quota(30)
    play.ship("S2", 20)
    play.ship("S3", 20)
    assert play.ended(again) == ["decided"]
    assert play.outcomes("S1", "S2", "S3") == ["permitted", "permitted", "denied"]


def test_a_shipment_declared_anew_is_not_withdrawn_by_what_was_before(play: Play) -> None:
    declared = play.ship("S", 10)
    play.regime()
    cleared = play.step("S", "cleared")
    play.retract("shipment:S", declared)
    play.ship("S", 10)
    play.retract("shipment:S", cleared)
    assert play.outcomes("S") == ["parked"]


def test_a_shipment_declared_anew_forgets_a_clearance_that_is_taken_back_while_it_waits(play: Play) -> None:
    declared = play.ship("S", 10)
    play.quota(50)
    cleared = play.step("S", "cleared")
    play.give("quota.blocked", 3, quota_id="Q1")
    play.retract("shipment:S", declared)
    play.ship("S", 10, at=4)
    play.retract("shipment:S", cleared)
    play.give("quota.reopened", 5, quota_id="Q1")
    assert (play.outcomes("S"), play.sums("quota:Q1")) == (["permitted"], (50, 10, 0))


def test_a_retraction_that_waits_cannot_be_retracted(play: Play) -> None:
    waits = play.retract("shipment:S", "/test later")
    again = play.retract("shipment:S", waits)
    assert play.ended(waits, again) == ["parked", "dead"]


def test_to_retract_twice_what_waited_is_a_mistake(play: Play) -> None:
    cleared = play.step("S", "cleared")
    first, second = play.retract("shipment:S", cleared), play.retract("shipment:S", cleared)
    assert play.ended(first, second) == ["decided", "dead"]


def test_a_quota_survives_a_second_retraction(play: Play) -> None:
    play.quota(10)
    first = play.give("quota.tranche_released", 0, quota_id="Q1", tranche_id="T1", amount=mass(5))
    second = play.give("quota.tranche_released", 0, quota_id="Q1", tranche_id="T2", amount=mass(7))
    play.retract("quota:Q1", first)
    play.retract("quota:Q1", second)
    assert play.sums("quota:Q1") == (10, 0, 0)


def test_what_waited_for_a_blocked_quota_goes_on_when_the_block_is_retracted(play: Play) -> None:
    play.quota(100)
    blocked = play.give("quota.blocked", 0, quota_id="Q1")
    play.ship("S", 10)
    play.retract("quota:Q1", blocked)
    assert (play.outcomes("S"), play.sums("quota:Q1")) == (["permitted"], (100, 10, 0))


def test_an_amendment_alone_is_no_regime(play: Play) -> None:
    announced = play.regime()
    play.regime(kind="amended")
    play.retract("regime:R1", announced)
    play.ship("S", 10, licence="")
    assert (play.outcomes("S"), play.ended(play.regime())) == (["permitted"], ["decided"])
