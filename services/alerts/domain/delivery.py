"""The life of a delivery as a table.

One alert to one subscription. Deliveries of a subscription and lane go out in the order of their
alerts: while one waits for its next try, those behind it are queued. What is to be told later, after
quiet hours or in a digest, is not in the queue yet.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands; the first five are open."""

    DUE = "due"
    """To be sent now, after those before it in its lane."""
    WAITING = "waiting"
    """Failed; will be tried again."""
    QUEUED = "queued"
    """Behind one of its lane that waits."""
    RESTING = "resting"
    """Goes out when the quiet hours end."""
    GATHERED = "gathered"
    """Goes out in the next digest."""
    KEPT = "kept"
    """Can be pulled; the subscription had no endpoint that it could be sent to."""
    DIGESTED = "digested"
    """Told in a digest, which is a delivery of its own."""
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"
    """The subscription was deleted."""


class Step(StrEnum):
    """What can happen to a delivery."""

    ACCEPT = "accept"
    FAIL = "fail"
    GIVE_UP = "give up"
    HOLD_BACK = "hold back"
    """One of its lane waits, so it must too."""
    COME_DUE = "come due"
    """The time of its next try has come, or there is reason to believe that a try succeeds now."""
    FREE_LANE = "free lane"
    """What it was queued behind is settled."""
    RELEASE = "release"
    """The quiet hours are over, or there are none any more."""
    TELL_IN_DIGEST = "tell in a digest"
    KEEP = "keep"
    """The subscription has no endpoint any more."""
    CANCEL = "cancel"
    REDELIVER = "redeliver"
    """A person asked for it; there must be an endpoint."""


TRANSITIONS: dict[Step, dict[State, State]] = {
    # An acceptance counts whoever brings it: a worker that lost its claim still got the answer.
    Step.ACCEPT: {
        State.DUE: State.DELIVERED,
        State.WAITING: State.DELIVERED,
        State.QUEUED: State.DELIVERED,
        State.KEPT: State.DELIVERED,
    },
    Step.FAIL: {State.DUE: State.WAITING},
    Step.GIVE_UP: {State.DUE: State.EXHAUSTED},
    Step.HOLD_BACK: {State.DUE: State.QUEUED},
    Step.COME_DUE: {State.WAITING: State.DUE},
    Step.FREE_LANE: {State.QUEUED: State.DUE},
    Step.RELEASE: {State.RESTING: State.DUE, State.GATHERED: State.DUE},
    Step.TELL_IN_DIGEST: {State.GATHERED: State.DIGESTED},
    Step.KEEP: {
        State.DUE: State.KEPT,
        State.WAITING: State.KEPT,
        State.QUEUED: State.KEPT,
        State.RESTING: State.KEPT,
        State.GATHERED: State.KEPT,
    },
    Step.CANCEL: {
        State.DUE: State.CANCELLED,
        State.WAITING: State.CANCELLED,
        State.QUEUED: State.CANCELLED,
        State.RESTING: State.CANCELLED,
        State.GATHERED: State.CANCELLED,
    },
    Step.REDELIVER: {
        State.WAITING: State.DUE,
        State.QUEUED: State.DUE,
        State.RESTING: State.DUE,
        State.GATHERED: State.DUE,
        State.KEPT: State.DUE,
        State.DIGESTED: State.DUE,
        State.DELIVERED: State.DUE,
        State.EXHAUSTED: State.DUE,
    },
}

OPEN = (State.DUE, State.WAITING, State.QUEUED, State.RESTING, State.GATHERED)


def before(step: Step) -> list[str]:
    """Return the states in which a step is possible."""
    return [state.value for state in TRANSITIONS[step]]


def after(step: Step) -> str:
    """Return the state that a step leads to."""
    (state,) = set(TRANSITIONS[step].values())
    return state.value
