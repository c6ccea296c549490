"""One endpoint that this process has in hand: what may be sent to it now, and what its answers mean."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.alerts.domain.delivery import Step
from services.alerts.domain.retries import (
    Delivered,
    Exhausted,
    Gone,
    Progress,
    RetryPolicy,
    TryAgain,
    Verdict,
    decide,
)
from services.alerts.domain.share import Share
from services.alerts.domain.window import Window
from services.alerts.sender import Attempt
from services.alerts.store.claims import Due, Endpoint
from services.alerts.store.outcomes import GONE, Outcome


class Hand:
    """Holds an endpoint's deliveries between their claim and the record of their outcome."""

    def __init__(self, endpoint: Endpoint, worker: UUID, policy: RetryPolicy, per_endpoint: int, share: Share) -> None:
        self.endpoint = endpoint
        self.worker = worker
        self.policy = policy
        self.per_endpoint = per_endpoint
        self.window: Window[Due] = Window(share)
        self.is_failing = endpoint.failing_since is not None
        self.last_accepted_at = endpoint.last_accepted_at
        self.is_closing = False
        """Nothing more is taken: it is on its way back."""
        self.is_recording = False
        """Outcomes are being stored; until it is known that they are, nothing is claimed for it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to send, to wait for or to record."""
        return len(self.window) == 0

    def is_thirsty(self, level: int) -> bool:
        """Return whether more may be claimed for it, having at most `level` in hand."""
        return not self.is_closing and not self.is_recording and len(self.window) <= level

    def add(self, deliveries: Iterable[Due]) -> None:
        """Take deliveries in, in the order in which they are to be sent."""
        self.window.add(deliveries)

    def take(self) -> list[Due]:
        """Return what is to be sent now; to an endpoint that failed last, one at a time."""
        return [] if self.is_closing else self.window.take(1 if self.is_failing else self.per_endpoint)

    def close(self) -> None:
        """Send nothing more; what is under way ends."""
        self.is_closing = True
        self.window.clear()

    def judge(self, due: Due, attempt: Attempt, now: datetime, chance: float) -> Outcome:
        """Return what follows from an attempt, and let the lane's next go if it may."""
        first_at = due.first_attempt_at or attempt.started_at
        progress = Progress(
            step=due.step,
            planned_at=due.planned_at,
            first_attempt_at=first_at,
            is_ordered=due.order_key is not None,
            has_endpoint_taken_others=self.last_accepted_at is not None and self.last_accepted_at > first_at,
        )
        verdict = decide(self.policy, attempt.answer, progress, now, chance)
        outcome = _outcome(due, attempt, verdict)
        self.is_failing = not isinstance(verdict, Delivered)
        if isinstance(verdict, Delivered):
            self.last_accepted_at = now
        self.window.answered(due, frees_lane=outcome.frees_lane)
        if isinstance(verdict, Gone) or (isinstance(verdict, TryAgain) and verdict.rest_until):
            self.close()
        return outcome

    def recorded(self, due: Due, outcome: Outcome) -> None:
        """Let go of a delivery whose outcome is stored."""
        self.window.recorded(due, frees_lane=outcome.frees_lane)


def _outcome(due: Due, attempt: Attempt, verdict: Verdict) -> Outcome:
    again = verdict if isinstance(verdict, TryAgain) else None
    results: dict[type[Verdict], str] = {
        Delivered: Step.ACCEPT,
        TryAgain: Step.FAIL,
        Exhausted: Step.GIVE_UP,
        Gone: GONE,
    }
    return Outcome(
        subscription_id=due.subscription_id,
        delivery_id=due.delivery_id,
        number=due.attempts + 1,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
        status=attempt.answer.status,
        error=attempt.answer.error,
        response_excerpt=attempt.response_excerpt,
        result=results[type(verdict)],
        order_key=due.order_key,
        frees_lane=not isinstance(verdict, Gone) if again is None else not again.holds_lane,
        next_step=due.step if again is None else again.step,
        next_at=None if again is None else again.at,
        rests_until=None if again is None else again.rest_until,
        is_recovered=due.recovery_id is not None,
    )
