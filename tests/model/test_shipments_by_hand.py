"""Shipments: the rules' own cases, with figures worked out by hand."""

from tests.model.play import Play


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


def test_a_declaration_that_says_the_same_waits_with_the_first(play: Play) -> None:
    play.regime()
    first, second = play.ship("S", 10), play.ship("S", 10)
    assert play.ended(first, second) == ["parked", "parked"]
    play.licence(100)
    assert (play.ended(first, second), play.sums()) == (["decided", "dead"], (100, 10, 0))


def test_the_same_id_with_another_body_is_a_conflict_and_changes_nothing(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.count = 1
    play.licence(50, kind="amended")
    assert (play.books.conflicts, play.sums()) == (1, (100, 0, 0))
