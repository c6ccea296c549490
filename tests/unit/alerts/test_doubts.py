"""How long a process looks for what it may have been handed without knowing it."""

from uuid import UUID

from services.alerts.domain.doubts import IN_DOUBT_S, Doubt, Doubts

ONE, TWO = UUID(int=1), UUID(int=2)
EVERY_S = 3.0


def test_there_is_nothing_to_doubt_at_first() -> None:
    doubts = Doubts()
    doubts.go_on(0.0, EVERY_S)
    assert not doubts.begin()
    assert not doubts.are_open(0.0)
    assert not doubts.cover(ONE)


def test_what_comes_into_doubt_while_it_is_looked_at_is_looked_at_once_more() -> None:
    doubts = Doubts()
    doubts.of({ONE, TWO})
    assert doubts.begin() == Doubt(frozenset({ONE, TWO}))
    doubts.of({TWO})
    assert doubts.cover(ONE)
    doubts.settled()
    assert not doubts.cover(ONE)
    assert doubts.begin() == Doubt(frozenset({TWO}))


def test_what_was_looked_at_in_vain_comes_again() -> None:
    doubts = Doubts()
    doubts.of({ONE})
    doubts.begin()
    doubts.of({TWO})
    assert doubts.begin() == Doubt(frozenset({ONE, TWO}))


def test_all_is_looked_at_again_and_again_and_once_more_when_no_transaction_can_last_any_longer() -> None:
    doubts = Doubts()
    doubts.of_all(100.0)
    last = 0.0
    for beat in range(60):
        now = 100.0 + beat * EVERY_S
        if doubts.begin():
            last = now
        doubts.settled()
        assert doubts.are_open(now) is (now < 100 + IN_DOUBT_S)
        doubts.go_on(now, EVERY_S)
    assert last >= 100 + IN_DOUBT_S
    assert not doubts.begin()
