"""When it is told that nothing comes through, and that it does again."""

from datetime import UTC, datetime, timedelta

import pytest

from services.alerts.domain.pulse import Pulse, Step, judge, notice

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=5)
LONG_AGO = NOW - timedelta(days=1)


def minutes_ago(count: float) -> datetime:
    return NOW - timedelta(minutes=count)


@pytest.mark.parametrize(
    "pulse,started_at,step",
    [
        (Pulse(minutes_ago(1), is_stuck=False), LONG_AGO, None),
        (Pulse(minutes_ago(5), is_stuck=False), LONG_AGO, None),
        (Pulse(minutes_ago(6), is_stuck=False), LONG_AGO, "stuck"),
        (Pulse(minutes_ago(6), is_stuck=True), LONG_AGO, None),
        (Pulse(minutes_ago(5), is_stuck=True), LONG_AGO, "resumed"),
        (Pulse(minutes_ago(600), is_stuck=False), minutes_ago(4), None),
        (Pulse(minutes_ago(600), is_stuck=False), minutes_ago(6), "stuck"),
        (Pulse(minutes_ago(1), is_stuck=True), minutes_ago(1), "resumed"),
    ],
)
def test_it_is_told_once_that_nothing_comes_and_once_that_it_does(
    pulse: Pulse, started_at: datetime, step: Step | None
) -> None:
    assert judge(pulse, NOW, started_at, LIMIT) == step


def test_processes_that_notice_at_different_times_tell_the_same_alert() -> None:
    one, other = (notice("stuck", minutes_ago(6), NOW + timedelta(seconds=s)) for s in (0, 3))
    assert (one.source, one.id) == (other.source, other.id)
    assert one.data.severity == "critical"
    assert "since 2025-06-01 11:54:00 UTC" in one.data.headline
