"""What operators watch of the ingest, counted in plain numbers that are put into form only when somebody looks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import REGISTRY, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.ingest.api.in_hand import InHand

_IN_HAND = Gauge("lanewatch_ingest_requests_in_hand", "Requests being worked on")


class _ByStatus(Collector):
    """A counter with the status as its label. Only the event loop's thread counts, so it needs no lock."""

    def __init__(self, name: str, documentation: str) -> None:
        self.numbers: Counter[int] = Counter()
        self._name, self._documentation = name, documentation
        REGISTRY.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the counter as it stands."""
        metric = CounterMetricFamily(self._name, self._documentation, labels=["status"])
        for status, number in self.numbers.items():
            metric.add_metric([str(int(status))], number)
        yield metric


class _Seconds(Collector):
    """A histogram of times, in the library's own buckets."""

    def __init__(self, name: str, documentation: str) -> None:
        self._name, self._documentation = name, documentation
        self._numbers = [0] * len(Histogram.DEFAULT_BUCKETS)
        self._sum = 0.0
        REGISTRY.register(self)

    def observe(self, seconds: float) -> None:
        """Count one time."""
        self._numbers[bisect_left(Histogram.DEFAULT_BUCKETS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it stands."""
        names = ["+Inf" if bound == float("inf") else str(bound) for bound in Histogram.DEFAULT_BUCKETS]
        buckets = list(zip(names, accumulate(self._numbers), strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)


_EVENTS = _ByStatus("lanewatch_ingest_events", "Events by the status that they were answered with")
_REQUESTS = _ByStatus("lanewatch_ingest_requests", "Requests by the status of the answer")
PUBLISH_SECONDS = _Seconds("lanewatch_ingest_publish_seconds", "From sending to Kafka to its acknowledgement")


def watch(in_hand: InHand) -> None:
    """Tell how many requests are in hand whenever somebody looks."""
    _IN_HAND.set_function(lambda: in_hand.requests)


def count_request(status: int) -> None:
    """Count a request by the status of its answer."""
    _REQUESTS.numbers[status] += 1


def count_event(status: int) -> None:
    """Count an event by the status that it was answered with."""
    _EVENTS.numbers[status] += 1


def count_events(statuses: Iterable[int]) -> None:
    """Count events by the status that each was answered with."""
    _EVENTS.numbers.update(statuses)
