"""What operators watch of the ingest."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

_EVENTS = Counter("lanewatch_ingest_events", "Events by the status that they were answered with", ["status"])
REQUESTS = Counter("lanewatch_ingest_requests", "Requests by the status of the answer", ["status"])
PUBLISH_SECONDS = Histogram("lanewatch_ingest_publish_seconds", "From sending to Kafka to its acknowledgement")
IN_HAND = Gauge("lanewatch_ingest_requests_in_hand", "Requests being worked on")


def count_events(statuses: Iterable[int]) -> None:
    """Count events by the status that each was answered with."""
    for status, number in Tally(statuses).items():
        _EVENTS.labels(status).inc(number)
