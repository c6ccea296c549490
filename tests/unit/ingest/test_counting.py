"""What is counted is told as Prometheus' own library would tell it."""

import re

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest

from services.ingest.api.counting import PUBLISH_SECONDS, count_event, count_events, count_request

TIMES = (0.0, 0.001, 0.005, 0.0051, 0.3, 7.5, 10.0, 11.0)


def samples(registry: CollectorRegistry, name: str) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    found = [line.rsplit(" ", 1) for line in lines if line.startswith(name) and "_created" not in line]
    return {sample: float(value) for sample, value in found}


def grown(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def test_events_and_requests_are_counted_by_status() -> None:
    names = ("lanewatch_ingest_events_total", "lanewatch_ingest_requests_total")
    before = [samples(REGISTRY, name) for name in names]
    count_event(202)
    count_events([202, 422, 202])
    count_request(207)
    events, requests = (grown(old, samples(REGISTRY, name)) for old, name in zip(before, names, strict=True))
    assert events == {f'{names[0]}{{status="202"}}': 3, f'{names[0]}{{status="422"}}': 1}
    assert requests == {f'{names[1]}{{status="207"}}': 1}


def test_times_fall_into_the_buckets_of_the_library() -> None:
    name = "lanewatch_ingest_publish_seconds"
    theirs = CollectorRegistry()
    histogram = Histogram(name, "as theirs", registry=theirs)
    before = samples(REGISTRY, name)
    for seconds in TIMES:
        PUBLISH_SECONDS.observe(seconds)
        histogram.observe(seconds)
    after = samples(REGISTRY, name)
    assert {key: after[key] - before.get(key, 0) for key in after} == pytest.approx(samples(theirs, name))


def test_each_metric_has_its_type_and_says_what_it_is() -> None:
    registry = CollectorRegistry()
    Counter(
        "lanewatch_ingest_events", "Events by the status that they were answered with", ["status"], registry=registry
    )
    theirs = generate_latest(registry).decode()
    ours = generate_latest(REGISTRY).decode()
    for line in re.findall(r"^# .*", theirs, re.MULTILINE):
        assert line in ours
