"""One endpoint that this process has in hand: what may be sent to it now, and what its answers mean."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.alerts.delivery.sender import Attempt
from services.alerts.domain import breaker
from services.alerts.domain.breaker import BreakerPolicy, State
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
    rests_until,
)
from services.alerts.domain.share import Share
from services.alerts.domain.urls import without_secret
from services.alerts.domain.window import Window
from services.alerts.store.claims import Due, Endpoint
from services.alerts.store.outcomes import GONE, Outcome


@dataclass(frozen=True)
class Policies:
    """By what attempts are judged, and how many may be under way to an endpoint that asks for nothing else."""

    retry: RetryPolicy
    breaker: BreakerPolicy
    per_endpoint: int


class Hand:
    """Holds an endpoint's deliveries between their claim and the record of their outcome."""

    def __init__(self, endpoint: Endpoint, worker: UUID, policies: Policies, share: Share) -> None:
        self.endpoint = endpoint
        self.worker = worker
        self.policies = policies
        self.window: Window[Due] = Window(share)
        self.health = breaker.rested(endpoint.health)
        self.pace = endpoint.pace
        self.last_accepted_at = endpoint.last_accepted_at
        self.last_known = endpoint.last_known
        """Up to this number what was recorded for it is in hand, or was, or is still to be looked for."""
        self.used_at = 0.0
        """When it last had something to do, by the monotonic clock."""
        self.is_closing = False
        """Nothing more is taken: it is on its way back."""
        self.is_paused = False
        """It waits for its pace, and is come back to."""
        self.is_recording = False
        """Outcomes are being stored; until it is known that they are, nothing is claimed for it."""
        self.is_outdated = False
        """The subscription has changed: nothing is sent until it is claimed anew."""

    @property
    def is_failing(self) -> bool:
        """Whether the latest try came to nothing."""
        return not self.health.is_well

    @property
    def is_plain(self) -> bool:
        """Whether it is sent to without regard to its health and to a pace."""
        return self.health.is_well and self.health.rests_until is None and self.pace.max_per_second is None

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
        self.used_at = time.monotonic()

    def outdate(self) -> None:
        """Let go of what is not under way, and wait for a claim that knows what the subscription says now."""
        self.is_outdated = True
        self.window.clear()

    def heed(self, endpoint: Endpoint) -> None:
        """Take over what the subscription says now: where to send to, what signs, at which pace."""
        if endpoint.url != self.endpoint.url:
            self.health, self.last_accepted_at = breaker.rested(endpoint.health), endpoint.last_accepted_at
        self.is_outdated = False
        self.endpoint = endpoint
        self.pace = replace(endpoint.pace, next_at=self.pace.next_at)
        self.last_known = max(self.last_known, endpoint.last_known)

    def take(self, now: datetime) -> list[Due]:
        """Return what is to be sent now; to an endpoint that failed last, one at a time."""
        is_to_wait = self.is_closing or self.is_outdated or self.health.state is State.OPEN
        if is_to_wait or self.pace.wait_s(now) > 0:
            return []
        allowance = 1 if self.is_failing else self.pace.max_in_flight or self.policies.per_endpoint
        if self.pace.max_per_second is None:
            return self.window.take(allowance)
        taken = self.window.take(min(allowance, self.window.in_flight + 1))
        if taken:
            self.pace = self.pace.spent(now)
        return taken

    def close(self) -> None:
        """Send nothing more; what is under way ends."""
        self.is_closing = True
        self.window.clear()

    def judge(self, due: Due, attempt: Attempt, now: datetime, chance: float) -> Outcome:
        """Return what follows from an attempt, and let the lane's next go if it may."""
        before, answer = self.health, attempt.answer
        if attempt.url != self.endpoint.url:
            # It says nothing of where the subscription leads now; what was not taken is due there.
            outcome = self._outcome(due, attempt, Delivered() if answer.is_accepted else Gone())
            self.window.answered(due, frees_lane=outcome.frees_lane)
            return outcome
        asked_until = rests_until(self.policies.retry, answer.retry_after, now)
        self.health = breaker.judge(self.policies.breaker, before, answer, asked_until, now, chance)
        held_since = max(at for at in (due.first_attempt_at or attempt.started_at, before.closed_at) if at is not None)
        progress = Progress(
            step=due.step,
            planned_at=due.planned_at,
            held_since=held_since,
            is_ordered=due.order_key is not None,
            has_endpoint_taken_others=self.last_accepted_at is not None and self.last_accepted_at > held_since,
            probed_until=self.health.rests_until if before.is_probed else None,
        )
        verdict = decide(self.policies.retry, answer, progress, now, chance)
        outcome = self._outcome(due, attempt, verdict)
        if isinstance(verdict, Delivered):
            self.last_accepted_at = now
        self.window.answered(due, frees_lane=outcome.frees_lane)
        if self.health.state is State.OPEN or self.health.given_up or (asked_until and not answer.is_accepted):
            self.close()
        return outcome

    def recorded(self, due: Due, outcome: Outcome) -> None:
        """Let go of a delivery whose outcome is stored."""
        self.window.recorded(due, frees_lane=outcome.frees_lane)

    def _outcome(self, due: Due, attempt: Attempt, verdict: Verdict) -> Outcome:
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
            health=self.health,
            paced_until=self.pace.next_at,
            is_recovered=due.recovery_id is not None,
            url=without_secret(attempt.url, self.endpoint.format),
            sent_to=attempt.url,
            body_sha256=attempt.body_sha256,
        )
