"""Which past deliveries a recovery makes once more, and how many of them may be in the queue at a time."""

from typing import Literal

from services.alerts.domain.delivery import State, Step, before

What = Literal["undelivered", "all"]

AT_ONCE = 1000
"""Deliveries of one recovery that are due at a time, however many there are to be made."""
LANE_PREFIX = "recovery "
"""Before the lane in whose order recovered alerts go: they hold each other's places, and no new alert's."""

UNDELIVERED = (State.EXHAUSTED, State.WAITING, State.KEPT)


def taken_states(what: What) -> list[str]:
    """Return the states of the deliveries that are made once more.

    What is due is on its way, and what is queued follows the one before it by itself.
    """
    wanted = UNDELIVERED if what == "undelivered" else (*UNDELIVERED, State.DELIVERED)
    return [state.value for state in wanted if state.value in before(Step.REDELIVER)]


def portion(due: int) -> int:
    """Return how many to hand over now, with so many of them due; few at a time are not worth a transaction."""
    return AT_ONCE - due if due <= AT_ONCE // 2 else 0
