"""Licences and the regimes that ask for them: the rules' own cases, with figures worked out by hand."""

import pytest

from tests.model.play import Play
from tests.model.world import UNDECLARED, Data, day


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


def test_a_line_with_a_warning_draws_what_is_left_with_the_tolerance_and_no_more(play: Play) -> None:
    play.regime(beyond_mass="warn", mass_tolerance={"of": "line", "percent": 10})
    play.licence(100)
    play.ship("S", 150)
    assert play.sums() == (100, 110, 0)


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


def test_a_licence_that_was_revoked_stays_revoked(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 10, licence_id="L1")
    play.give("licence.reinstated", 12, licence_id="L1")
    play.give("licence.revoked", 5, licence_id="L1")
    play.ship("S", 10, at=13)
    assert play.outcomes("S") == ["denied"]


def test_a_reinstatement_from_before_a_suspension_does_not_lift_it(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 10, licence_id="L1")
    play.give("licence.reinstated", 8, licence_id="L1")
    assert play.books.licence_state("L1") == "suspended"
    play.ship("S1", 10, at=11)
    again = play.give("licence.reinstated", 12, licence_id="L1")
    play.ship("S2", 10, at=13)
    assert (play.ended(again), play.outcomes("S1", "S2")) == (["decided"], ["denied", "permitted"])


def test_a_suspension_from_before_a_reinstatement_stops_what_was_declared_in_its_time_alone(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 5, licence_id="L1")
    play.give("licence.reinstated", 6, licence_id="L1")
    play.give("licence.suspended", 3, licence_id="L1")
    assert play.books.licence_state("L1") == "active"
    play.ship("S1", 10, at=4)
    play.ship("S2", 10, at=7)
    assert play.outcomes("S1", "S2") == ["denied", "permitted"]


def test_the_dates_of_a_late_amendment_are_asked_of_the_clock_not_of_what_was_drawn(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.tick(4)
    play.ship("S", 100, at=5)
    assert play.books.licence_state("L1") == "exhausted"
    play.licence(100, at=3, kind="amended", valid_from=day(5))
    assert play.books.licence_state("L1") == "issued"
    play.tick(5)
    assert play.books.licence_state("L1") == "exhausted"
