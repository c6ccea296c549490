"""What operators watch of the ingest."""

from collections import Counter as Tally
from collections.abc import Iterable
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from services.ingest.api.in_hand import InHand

_EVENTS = Counter("lanewatch_ingest_events", "Events by the status that they were answered with", ["status"])
_REQUESTS = Counter("lanewatch_ingest_requests", "Requests by the status of the answer", ["status"])
PUBLISH_SECONDS = Histogram("lanewatch_ingest_publish_seconds", "From sending to Kafka to its acknowledgement")
_IN_HAND = Gauge("lanewatch_ingest_requests_in_hand", "Requests being worked on")


def watch(in_hand: InHand) -> None:
    """Tell how many requests are in hand whenever somebody looks."""
    _IN_HAND.set_function(lambda: in_hand.requests)


def count_request(status: int) -> None:
    """Count a request by the status of its answer."""
    _of(_REQUESTS, status).inc()


def count_event(status: int) -> None:
    """Count an event by the status that it was answered with."""
    _of(_EVENTS, status).inc()


def count_events(statuses: Iterable[int]) -> None:
    """Count events by the status that each was answered with."""
    for status, number in Tally(statuses).items():
        _of(_EVENTS, status).inc(number)


@cache
def _of(counter: Counter, status: int) -> Counter:
    """Return the one of a status; finding it anew costs more than counting."""
    return counter.labels(int(status))
