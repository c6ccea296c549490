"""The table of a delivery's life."""

from itertools import product

import pytest

from services.alerts.domain.delivery import OPEN, TRANSITIONS, State, Step, after, before


def test_every_step_leads_to_one_state() -> None:
    for step in Step:
        assert after(step) in set(State)


@pytest.mark.parametrize("state,step", list(product(State, Step)))
def test_only_open_deliveries_move_unless_a_person_asks(state: State, step: Step) -> None:
    # A receiver's answer counts though the endpoint was taken from the subscription meanwhile.
    is_answered_late = (state, step) == (State.KEPT, Step.ACCEPT)
    if state not in OPEN and step is not Step.REDELIVER and not is_answered_late:
        assert state not in TRANSITIONS[step]


def test_a_cancelled_delivery_stays_so() -> None:
    assert all(State.CANCELLED not in moves for moves in TRANSITIONS.values())


def test_every_state_is_reached_and_every_open_one_is_left() -> None:
    begins = {State.RESTING, State.GATHERED}  # What is not to be told at once begins so.
    assert {after(step) for step in Step} == set(State) - begins
    for state in OPEN:
        assert any(state.value in before(step) and after(step) != state for step in Step)


def test_only_what_is_due_is_attempted() -> None:
    assert before(Step.FAIL) == before(Step.GIVE_UP) == ["due"]
    assert before(Step.ACCEPT) == ["due", "waiting", "queued", "kept"]
