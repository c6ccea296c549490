"""The rules' own cases with figures worked out by hand: the reference keeps to them, and so does the engine."""

import pytest

from tests.model.engine import POLICY, Reader, WholeBookEngine
from tests.model.play import Play
from tests.model.reference import Reference
from tests.model.world import UNDECLARED, Data, day, mass


@pytest.fixture(params=["reference", "engine"])
def play(request: pytest.FixtureRequest) -> Play:
    engines: dict[str, Reader] = {"reference": Reference(POLICY.parking_days), "engine": WholeBookEngine()}
    return Play(engines[request.param])


def evidence(until: int) -> list[Data]:
    return [{"kind": "origin", "reference": "D", "valid_from": day(-5), "valid_until": day(until)}]


def test_a_shipment_reserves_writes_off_and_refunds(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.ship("S", 30)
    assert (play.books.outcome("S"), play.sums()) == ("permitted", (100, 30, 0))
    play.step("S", "cleared")
    assert play.sums() == (100, 0, 30)
    play.step("S", "cancelled")
    assert play.sums() == (100, 0, 0)


def test_what_was_written_off_stays_when_a_correction_is_not_permitted(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.ship("S", 30)
    play.step("S", "cleared")
    play.ship("S", 110, kind="corrected")
    assert (play.books.outcome("S"), play.sums()) == ("denied", (100, 0, 30))
    play.ship("S", 100, kind="corrected")
    assert (play.books.outcome("S"), play.sums()) == ("permitted", (100, 0, 100))


def test_a_correction_before_clearance_that_is_not_permitted_gives_everything_back(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.ship("S", 30)
    play.ship("S", 110, kind="corrected")
    assert (play.books.outcome("S"), play.sums()) == ("denied", (100, 0, 0))


def test_a_parked_shipment_and_what_waits_for_it_follow_the_licence(play: Play) -> None:
    play.regime()
    declared, cleared = play.ship("S", 10, licence="L1"), play.step("S", "cleared")
    assert [play.books.endings()[name] for name in (declared, cleared)] == ["parked", "parked"]
    play.licence(100)
    assert [play.books.endings()[name] for name in (declared, cleared)] == ["decided", "decided"]
    assert play.sums() == (100, 0, 10)


def test_waiting_for_a_licence_ends_with_a_hold(play: Play) -> None:
    play.regime()
    play.ship("S", 10, at=1)
    play.tick(14)
    assert play.books.outcome("S") == "parked"
    play.tick(15)
    assert play.books.outcome("S") == "held"


@pytest.mark.parametrize(
    "tolerance, masses, outcomes",
    [
        ({"of": "none", "percent": 10}, (100, 1), ["permitted", "denied"]),
        ({"of": "line", "percent": 10}, (100, 11, 10, 1), ["permitted", "denied", "permitted", "denied"]),
        ({"of": "balance", "percent": 10}, (90, 12, 11, 1), ["permitted", "denied", "permitted", "denied"]),
    ],
)
def test_tolerances_let_draw_so_much_and_no_more(
    play: Play, tolerance: Data, masses: tuple[int, ...], outcomes: list[str]
) -> None:
    play.regime(mass_tolerance=tolerance)
    play.licence(100)
    for number, kg in enumerate(masses):
        play.ship(f"S{number}", kg)
    assert [play.books.outcome(f"S{number}") for number in range(len(masses))] == outcomes


def test_a_warning_draws_what_is_left(play: Play) -> None:
    play.regime(beyond_mass="warn")
    play.licence(100)
    play.ship("S1", 70)
    play.ship("S2", 70)
    assert (play.books.outcome("S2"), play.sums()) == ("permitted", (100, 100, 0))
    assert play.books.licence_state("L1") == "exhausted"


@pytest.mark.parametrize(
    "over, kg, outcome",
    [
        ({}, 100, "permitted"),
        ({}, 101, "denied"),
        ({"monthly_cap": mass(50)}, 51, "denied"),
        ({"sub_limits": [{"sub_limit_id": "dy", "covers": [{"elements": ["Dy"]}], "initial": mass(20)}]}, 21, "denied"),
        ({"reserved_share": {"end_uses": ["priority"], "percent": 33}}, 68, "denied"),
        ({"reserved_share": {"end_uses": ["civil"], "percent": 33}}, 68, "permitted"),
        ({"is_allocated": True}, 1, "denied"),
        ({"measure": "metal"}, 300, "permitted"),
        ({"measure": "metal"}, 301, "denied"),
    ],
)
def test_every_account_of_a_quota_must_have_enough(play: Play, over: Data, kg: int, outcome: str) -> None:
    play.quota(100, **over)
    play.ship("S", kg, end_use="civil")
    assert play.books.outcome("S") == outcome


def test_a_tranche_opens_with_the_tick(play: Play) -> None:
    play.quota(10, tranches=[{"tranche_id": "T", "opens_at": day(5), "amount": mass(40)}])
    play.tick(4)
    assert play.sums("quota:Q1") == (10, 0, 0)
    play.tick(5)
    assert play.sums("quota:Q1") == (50, 0, 0)


def test_a_shipment_waits_for_a_blocked_quota(play: Play) -> None:
    play.quota(100)
    play.give("quota.blocked", 0, quota_id="Q1")
    play.ship("S", 10)
    assert play.books.outcome("S") == "parked"
    play.give("quota.reopened", 3, quota_id="Q1")
    assert (play.books.outcome("S"), play.sums("quota:Q1")) == ("permitted", (100, 10, 0))


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


def test_evidence_that_expired_by_clearance_holds_until_an_officer_releases(play: Play) -> None:
    evidence = [{"kind": "origin", "reference": "D", "valid_from": day(-5), "valid_until": day(3)}]
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 30, evidence=evidence)
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


def test_the_same_id_with_another_body_is_a_conflict_and_changes_nothing(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.count = 1
    play.licence(50, kind="amended")
    assert (play.books.conflicts, play.sums()) == (1, (100, 0, 0))


def test_a_shipment_declared_before_a_suspension_is_permitted(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 5, licence_id="L1")
    play.ship("S1", 10, at=4)
    play.ship("S2", 10, at=5)
    assert play.outcomes("S1", "S2") == ["permitted", "denied"]


def test_a_phase_gives_nothing_to_the_next_one(play: Play) -> None:
    free = {"phase_id": "1", "effective_from": day(5), "requires": "nothing"}
    nearer = {"phase_id": "2", "effective_from": day(10), "destinations": {"include": ["DE"]}}
    play.regime(phases=[free, nearer])
    play.ship("S1", 10, at=5, licence="")
    play.ship("S2", 10, at=10, licence="")
    assert play.outcomes("S1", "S2") == ["permitted", "denied"]


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


def test_an_exempt_end_use_takes_undeclared_goods_out_of_the_regime(play: Play) -> None:
    play.regime(exempt_end_uses=["relief"])
    play.ship("S", 10, goods=UNDECLARED, end_use="relief")
    assert play.outcomes("S") == ["permitted"]


def test_a_suspended_licence_stays_suspended_when_it_is_prolonged(play: Play) -> None:
    play.regime()
    play.licence(100, valid_until=day(10))
    play.give("licence.suspended", 5, licence_id="L1")
    play.tick(10)
    play.licence(100, at=11, kind="amended")
    assert play.books.licence_state("L1") == "suspended"


def test_an_amendment_alone_is_no_regime(play: Play) -> None:
    announced = play.regime()
    play.regime(kind="amended")
    play.retract("regime:R1", announced)
    play.ship("S", 10, licence="")
    assert (play.outcomes("S"), play.ended(play.regime())) == (["permitted"], ["decided"])


def test_a_licence_that_was_revoked_stays_revoked(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 10, licence_id="L1")
    play.give("licence.reinstated", 12, licence_id="L1")
    play.give("licence.revoked", 5, licence_id="L1")
    play.ship("S", 10, at=13)
    assert play.outcomes("S") == ["denied"]


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


def test_a_declaration_that_says_the_same_waits_with_the_first(play: Play) -> None:
    play.regime()
    first, second = play.ship("S", 10), play.ship("S", 10)
    assert play.ended(first, second) == ["parked", "parked"]
    play.licence(100)
    assert (play.ended(first, second), play.sums()) == (["decided", "dead"], (100, 10, 0))


def test_a_line_with_a_warning_draws_what_is_left_with_the_tolerance_and_no_more(play: Play) -> None:
    play.regime(beyond_mass="warn", mass_tolerance={"of": "line", "percent": 10})
    play.licence(100)
    play.ship("S", 150)
    assert play.sums() == (100, 110, 0)


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
