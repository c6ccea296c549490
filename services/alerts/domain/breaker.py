"""The circuit breaker of an endpoint as a table: when it is left alone, and when it is asked again.

Closed, it gets all that is due. Open, it gets nothing until its rest is over. Half-open, it gets one
alert at a time; the first that it takes closes the breaker. Each rest is longer than the one before.

What the breaker holds up stays where it is. A probe that fails uses up no try of a delivery and no
time for which it may hold its lane: see `retries`. An endpoint that takes nothing for days is given
up until somebody resumes it; its alerts are kept.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.alerts.domain.retries import GONE, Answer


class State(StrEnum):
    """How much an endpoint gets."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(StrEnum):
    """What happens to a breaker."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """It answers, but will not take this one alert."""
    FAILED = "failed"
    TRIPPED = "tripped"
    """Failed or refused once too often."""
    RESTED = "rested"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.CLOSED: {
        Event.ACCEPTED: State.CLOSED,
        Event.REFUSED: State.CLOSED,
        Event.FAILED: State.CLOSED,
        Event.TRIPPED: State.OPEN,
    },
    # What was under way when it opened still ends.
    State.OPEN: {
        Event.ACCEPTED: State.CLOSED,
        Event.REFUSED: State.OPEN,
        Event.FAILED: State.OPEN,
        Event.RESTED: State.HALF_OPEN,
    },
    # Whoever refuses one alert is there, and may take the next.
    State.HALF_OPEN: {
        Event.ACCEPTED: State.CLOSED,
        Event.REFUSED: State.HALF_OPEN,
        Event.FAILED: State.OPEN,
    },
}

RECENT = 20
"""Over so many of the latest answers the share of failures is taken."""
_FAILURE, _REFUSAL = 4, 1
"""What each adds to the strain."""
_BEGUN = 1


@dataclass(frozen=True)
class BreakerPolicy:
    """When to open, how long to rest, when to give an endpoint up; times in seconds."""

    failures: int = 5
    """In a row; four refusals weigh as much as one failure."""
    share: float = 0.75
    """Of the latest answers, once there are `RECENT` of them."""
    rest_s: float = 5
    """The first; each further one in a row is twice as long."""
    rest_max_s: float = 300
    jitter: float = 0.2
    """The share of a rest that chance may take from it."""
    disable_after_s: float = 5 * 86400
    disable_tries: int = 20
    """At least so many tries must have come to nothing meanwhile."""


@dataclass(frozen=True)
class Health:
    """How an endpoint fares."""

    state: State = State.CLOSED
    strain: int = 0
    """Grows with failures and refusals in a row; none after an acceptance."""
    recent: int = _BEGUN
    """The latest answers as bits, 1 for a failure, the oldest first behind a leading 1."""
    rests: int = 0
    """In a row."""
    failing_since: datetime | None = None
    """The first try of those in a row that came to nothing."""
    tries: int = 0
    """How many those are."""
    rests_until: datetime | None = None
    """Until when nothing is sent: the breaker's rest, or what the endpoint asked for."""
    closed_at: datetime | None = None
    """When it took alerts again after its latest failure; from then on they count against a lane's order."""
    last_error: str | None = None
    given_up: str | None = field(default=None, compare=False)
    """Why it is to be disabled."""
    look_at: datetime | None = field(default=None, compare=False)
    """When to probe it, whether or not anything has come due by then."""

    @property
    def is_probed(self) -> bool:
        """Whether it has to show first that it takes anything."""
        return self.state is not State.CLOSED

    @property
    def is_well(self) -> bool:
        """Whether the latest try was accepted, or none was made yet."""
        return self.state is State.CLOSED and self.failing_since is None


def event_of(answer: Answer) -> Event:
    """Return what an answer says of the endpoint."""
    if answer.is_accepted:
        return Event.ACCEPTED
    return Event.REFUSED if answer.is_refusal else Event.FAILED


def rested(health: Health) -> Health:
    """Return the health of an endpoint that may be asked again: one that was left alone is probed."""
    if health.state is not State.OPEN:
        return health
    return replace(health, state=TRANSITIONS[health.state][Event.RESTED])


def judge(
    policy: BreakerPolicy, health: Health, answer: Answer, asked_until: datetime | None, now: datetime, chance: float
) -> Health:
    """Return the health after an answer; `asked_until` is what its Retry-After asks for, `chance` is from [0, 1)."""
    event = event_of(answer)
    if event is Event.ACCEPTED:
        return _accepted(health, now)
    failed = _failed(health, event, answer, now)
    if health.state is State.CLOSED and _is_too_much(policy, failed):
        event = Event.TRIPPED
    failed = replace(failed, state=TRANSITIONS[health.state][event])
    if failed.state is not State.CLOSED and health.state is not State.OPEN:
        look_at = now + timedelta(seconds=rest_s(policy, health.rests, chance))
        failed = replace(failed, rests=health.rests + 1, look_at=look_at)
    rest_until = failed.look_at if failed.state is State.OPEN else None
    rests = [until for until in (health.rests_until, rest_until, asked_until) if until is not None]
    return replace(failed, rests_until=max(rests, default=None), given_up=_given_up(policy, failed, answer, now))


def rest_s(policy: BreakerPolicy, rests: int, chance: float) -> float:
    """Return how long to leave an endpoint alone after so many rests in a row."""
    longest = min(policy.rest_max_s, policy.rest_s * 2.0 ** min(rests, 30))
    return longest * (1 - policy.jitter * chance)


def _accepted(health: Health, now: datetime) -> Health:
    state = TRANSITIONS[health.state][Event.ACCEPTED]
    if health.is_probed:
        return Health(state=state, closed_at=now)
    recent = _with(health.recent, is_failure=False)
    if health == Health(state=state, recent=recent, closed_at=health.closed_at):
        return health
    # A rest that it asked for stands, though it took what was under way then.
    return replace(
        health,
        state=state,
        strain=0,
        recent=recent,
        failing_since=None,
        tries=0,
        closed_at=now if health.failing_since is not None else health.closed_at,
        rests_until=health.rests_until if health.rests_until is not None and health.rests_until > now else None,
        last_error=None,
    )


def _failed(health: Health, event: Event, answer: Answer, now: datetime) -> Health:
    is_failure = event is Event.FAILED
    return replace(
        health,
        strain=min(health.strain + (_FAILURE if is_failure else _REFUSAL), 1000),
        recent=_with(health.recent, is_failure=True) if is_failure else health.recent,
        failing_since=health.failing_since or now,
        tries=health.tries + 1,
        last_error=answer.error or f"status {answer.status}",
    )


def _with(recent: int, *, is_failure: bool) -> int:
    longer = recent << 1 | is_failure
    full = 1 << RECENT
    return longer if longer < full << 1 else full | longer & (full - 1)


def _is_too_much(policy: BreakerPolicy, health: Health) -> bool:
    is_full = health.recent >= 1 << RECENT
    failures = health.recent.bit_count() - 1
    return health.strain >= policy.failures * _FAILURE or (is_full and failures >= policy.share * RECENT)


def _given_up(policy: BreakerPolicy, health: Health, answer: Answer, now: datetime) -> str | None:
    if answer.status == GONE:
        return "the endpoint answered 410 Gone"
    since = health.failing_since or now
    if now - since < timedelta(seconds=policy.disable_after_s) or health.tries < policy.disable_tries:
        return None
    return f"the endpoint took nothing since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, in {health.tries} tries"
