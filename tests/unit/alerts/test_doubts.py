"""How long a process looks for what it may have been handed without knowing it."""

from uuid import UUID

from services.alerts.domain.doubts import IN_DOUBT_S, Doubt, Doubts

ONE, TWO = UUID(int=1), UUID(int=2)
EVERY_S = 3.0


def test_there_is_nothing_to_doubt_at_first() -> None:
    doubts = Doubts()
    doubts.go_on(0.0, EVERY_S)
    assert not doubts.current
    assert not doubts.are_open(0.0)


def test_what_comes_into_doubt_while_another_is_settled_is_not_forgotten() -> None:
    doubts = Doubts()
    doubts.of({ONE})
    settling = doubts.current
    doubts.of({TWO})
    doubts.settled(settling)
    assert doubts.current == Doubt(frozenset({TWO}))


def test_all_is_looked_at_again_and_again_and_once_more_when_no_transaction_can_last_any_longer() -> None:
    doubts = Doubts()
    doubts.of_all(100.0)
    last = 0.0
    for beat in range(60):
        now = 100.0 + beat * EVERY_S
        if doubts.current:
            last = now
        doubts.settled(doubts.current)
        assert doubts.are_open(now) is (now < 100 + IN_DOUBT_S)
        doubts.go_on(now, EVERY_S)
    assert last >= 100 + IN_DOUBT_S
    assert not doubts.current
