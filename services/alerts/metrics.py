"""What is measured of deliveries."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

from services.alerts.domain.service_level import BOUNDS_S, Moments, seconds_since
from services.alerts.store.claims import Due
from services.alerts.store.outcomes import Outcome

_FAST_TO_SLOW_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_SOON_TO_LATE_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600, 86400)

ATTEMPTS = Counter("lanewatch_alerts_attempts_total", "Attempts by what followed from them", ["outcome"])
ATTEMPT_SECONDS = Histogram("lanewatch_alerts_attempt_seconds", "Duration of attempts", buckets=_FAST_TO_SLOW_S)
DELIVERY_SECONDS = Histogram(
    "lanewatch_alerts_delivery_seconds", "From the record of an alert to its acceptance", buckets=_SOON_TO_LATE_S
)
SERVICE_SECONDS = Histogram(
    "lanewatch_alerts_service_seconds",
    "To an alert's first acceptance, since it happened, since the ingest accepted its cause, since it was decided",
    ["since"],
    buckets=BOUNDS_S,
)
BACKLOG = Gauge("lanewatch_alerts_due", "Deliveries that are due now, of all processes")
WAITING = Gauge("lanewatch_alerts_waiting", "Deliveries that wait for their next try or behind one, of all processes")
LAG = Gauge("lanewatch_alerts_consumer_lag", "Records of the decisions topic still to be read by this process")


# Looking a counter up by its label costs more than counting.
_attempts = lru_cache(ATTEMPTS.labels)
_service = lru_cache(SERVICE_SECONDS.labels)


def note_attempt(outcome: Outcome, due: Due) -> None:
    """Count an attempt."""
    _attempts(outcome.result).inc()
    ATTEMPT_SECONDS.observe(outcome.duration_ms / 1000)
    if outcome.result == "accept":
        ended_s = outcome.started_at.timestamp() + outcome.duration_ms / 1000
        DELIVERY_SECONDS.observe(max(0.0, ended_s - due.created_at.timestamp()))
        _note_service(outcome, due)


def _note_service(outcome: Outcome, due: Due) -> None:
    if due.is_test or due.has_been_accepted or due.happened_at is None:
        return
    moments = Moments(due.happened_at, due.accepted_at, due.decided_at)
    for since, seconds in seconds_since(moments, outcome.ended_at).items():
        _service(since).observe(seconds)
