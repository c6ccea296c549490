"""What follows from an attempt: delivered, tried again at a time, given up, or the endpoint is gone.

The schedule is the one that Standard Webhooks recommends. A delivery that waits holds its lane
back, so that alerts arrive in order, but not for ever: see `RetryPolicy`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

GONE = 410
_ABOUT_THE_ENDPOINT = frozenset({401, 403, 404, 407, 408, GONE, 425, 429})
"""Client errors that say nothing about the one alert that was sent."""


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again; times in seconds."""

    delays_s: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    """Before the second attempt, the third and so on; the first is made at once."""
    jitter: float = 0.1
    """The share of a delay that chance may add to it."""
    retry_after_max_s: float = 86400
    order_hold_s: float = 86400
    """How long a delivery may hold its lane back while the endpoint takes nothing."""
    order_hold_refused_s: float = 3600
    """How long when the endpoint takes others or says that the fault lies in this alert."""


@dataclass(frozen=True)
class Answer:
    """How an attempt ended: with a status, or with an error."""

    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    """The Retry-After header as it came."""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver took the alert."""
        return self.error is None and self.status is not None and 200 <= self.status < 300  # noqa: PLR2004

    @property
    def is_refusal(self) -> bool:
        """Whether the receiver said that it will not take this alert."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in _ABOUT_THE_ENDPOINT  # noqa: PLR2004


@dataclass(frozen=True)
class Progress:
    """How far a delivery had come before the attempt."""

    step: int = 0
    """Tries of the schedule that were used up; extra tries do not count."""
    planned_at: datetime | None = None
    """When the schedule wants it tried; in the future for an extra try."""
    held_since: datetime | None = None
    """Since when it holds its lane; times in which the endpoint took nothing do not count."""
    is_ordered: bool = False
    has_endpoint_taken_others: bool = False
    """Since the first attempt."""
    probed_until: datetime | None = None
    """Set when the attempt was a probe of an endpoint that takes nothing, to the end of its next rest."""


@dataclass(frozen=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True)
class Gone:
    """The endpoint wants nothing more (410); the delivery stays as it is until someone resumes it."""


@dataclass(frozen=True)
class Exhausted:
    """The schedule is used up."""


@dataclass(frozen=True)
class TryAgain:
    """Another try at `at`."""

    at: datetime
    step: int
    holds_lane: bool
    """Whether those behind it in its lane wait for it."""


Verdict = Delivered | Gone | Exhausted | TryAgain


def decide(policy: RetryPolicy, answer: Answer, progress: Progress, now: datetime, chance: float) -> Verdict:
    """Return what follows from an attempt that ended `now`; `chance` is drawn from [0, 1)."""
    if answer.is_accepted:
        return Delivered()
    if answer.status == GONE:
        return Gone()
    rest_until = rests_until(policy, answer.retry_after, now)
    if progress.probed_until is not None and not answer.is_refusal:
        return _put_back(progress, progress.probed_until, now, rest_until)
    if progress.planned_at is not None and progress.planned_at > now:
        at, step = progress.planned_at, progress.step
    elif progress.step < len(policy.delays_s):
        delay_s = policy.delays_s[progress.step] * (1 + policy.jitter * chance)
        at, step = now + timedelta(seconds=delay_s), progress.step + 1
    else:
        return Exhausted()
    at = max(at, rest_until or at)
    return TryAgain(at, step, _holds_lane(policy, answer, progress, now, at))


def _put_back(progress: Progress, probed_until: datetime, now: datetime, rest_until: datetime | None) -> TryAgain:
    """Leave a delivery's schedule and place as they were: the fault was the endpoint's."""
    at = max(probed_until, progress.planned_at or now, rest_until or now)
    return TryAgain(at, progress.step, progress.is_ordered)


def _holds_lane(policy: RetryPolicy, answer: Answer, progress: Progress, now: datetime, at: datetime) -> bool:
    is_its_own_fault = answer.is_refusal or progress.has_endpoint_taken_others
    hold_s = policy.order_hold_refused_s if is_its_own_fault else policy.order_hold_s
    return progress.is_ordered and at <= (progress.held_since or now) + timedelta(seconds=hold_s)


def rests_until(policy: RetryPolicy, retry_after: str | None, now: datetime) -> datetime | None:
    """Return until when a Retry-After header (RFC 9110, section 10.2.3) asks to wait; None if it does not."""
    if not retry_after:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            when = parsedate_to_datetime(text)
            seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, OverflowError):  # the latter for zones of any number of digits
            return None
    return now + timedelta(seconds=min(seconds, policy.retry_after_max_s)) if seconds > 0 else None
