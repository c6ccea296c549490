"""When a source counts as silent, and when it is heard again."""

from collections.abc import Container, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import Event, read_trade_event
from shared.events import SourceNoticed
from tests.support.trade import MAGNET, declared, milestone, tick

START = datetime(2025, 5, 5, tzinfo=UTC)  # A Monday.


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def told(policy: Policy, *log: bytes) -> list[Event[SourceNoticed]]:
    book = WholeBook(policy)
    for body in log:
        book.apply(read_trade_event(body))
    return [alert for alert in book.alerts if isinstance(alert.data, SourceNoticed)]


def steps(found: list[Event[SourceNoticed]]) -> list[str]:
    return [alert.type.rpartition("_")[2] for alert in found]


def hourly(first: int, last: int, silent: Container[int] = (), source: str = "/customs") -> Iterator[bytes]:
    """A shipment an hour, but for a silence, and a tick an hour."""
    for hour in range(first, last):
        if hour not in silent:
            yield declared(f"{source}-{hour}", commodity=MAGNET, time=at(hour + 0.5), source=source)
        yield tick(at(hour + 1))


def test_a_source_that_keeps_silent_longer_than_ever_is_told_of_once_and_again_when_it_is_heard(policy: Policy) -> None:
    silent, resumed = told(policy, *hourly(0, 400, range(300, 350)))
    assert (silent.type, silent.data.severity) == ("lanewatch.finding.source_silent", "warning")
    assert silent.time == START + timedelta(hours=324), "after the least of 24 hours, at the next tick"
    assert silent.data.headline == (
        "nothing of /customs was applied since 2025-05-17 11:00 UTC; its longest silence before was 1 h"
    )
    assert (resumed.type, resumed.data.severity) == ("lanewatch.finding.source_resumed", "notice")
    assert resumed.time == START + timedelta(hours=351)


def test_it_is_told_to_those_who_watch_its_lanes(policy: Policy) -> None:
    silent, _ = told(policy, *hourly(0, 400, range(300, 350)))
    assert (silent.data.scope.commodity_groups, silent.data.scope.origin) == (("magnets",), "CN")
    assert silent.data.scope.destinations == ("*",)


def test_weekends_are_usual_where_they_are(policy: Policy) -> None:
    weekends = [hour for hour in range(24 * 42) if (hour // 24) % 7 >= 5]
    assert told(policy, *hourly(0, 24 * 42, weekends)) == []
    # Of two days and, since hours are counted whole, one more; half as long again is usual too.
    longer = [*weekends, *range(24 * 33, 24 * 33 + 96)]
    found = told(policy, *hourly(0, 24 * 42, longer))
    assert steps(found) == ["silent", "resumed"]
    assert found[0].data.longest_gap_hours == 49


def test_an_outage_that_was_told_does_not_become_usual(policy: Policy) -> None:
    found = told(policy, *hourly(0, 400, [*range(200, 260), *range(300, 340)]))
    assert steps(found) == ["silent", "resumed"] * 2
    assert found[2].time == START + timedelta(hours=324)


def test_a_source_that_is_hardly_known_is_not_watched(policy: Policy) -> None:
    assert told(policy, *hourly(0, 400, range(100, 150))) == []


def test_events_of_the_past_count_as_of_their_time(policy: Policy) -> None:
    """A source that posts each day what happened the day before lags by a day, and always does."""
    log = []
    for day in range(20):
        if day not in {12, 13, 14}:
            log.append(declared(f"S-{day}", commodity=MAGNET, time=at(24 * (day - 1) + 12), source="/late"))
        log.append(tick(at(24 * (day + 1))))
    assert steps(told(policy, *log)) == ["silent", "resumed"]


def test_milestones_count_and_ticks_do_not(policy: Policy) -> None:
    log = [declared("S-0", commodity=MAGNET, time=at(0), source="/shipper")]
    for hour in range(400):
        log.append(milestone("S-0", "held" if hour % 2 else "released", time=at(hour + 0.5), source="/carrier"))
        log.append(tick(at(hour + 1)))
    (silent,) = told(policy, *log)
    assert silent.data.source == "/shipper"


def test_a_policy_without_the_rule_watches_no_sources(policy: Policy) -> None:
    without = msgspec.structs.replace(policy, source_silence=None)
    assert told(without, *hourly(0, 400, range(300, 350))) == []
