"""Who gets an alert: the definition case by case, and the index's keys against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.filters import (
    ANY,
    KNOWN_PATTERNS,
    PING,
    Filter,
    filter_keys,
    key_count,
    kind_patterns,
    lookup_keys,
    matches,
)
from shared.events import EVERYWHERE, WORLD, Scope

LANE, PERMITTED = "lanewatch.lane.changed", "lanewatch.decision.permitted"


def scope(groups: str = "magnets", origin: str = "CN", destinations: str = "DE", exporter: str | None = None) -> Scope:
    return Scope(
        commodity_groups=tuple(groups.split()),
        origin=origin,
        destinations=tuple(destinations.split()),
        exporter=exporter,
    )


@pytest.mark.parametrize(
    "wanted,alert,expected",
    [
        (Filter(), scope(), True),
        (Filter(commodity_groups=("magnets",)), scope(), True),
        (Filter(commodity_groups=("oxides",)), scope(), False),
        (Filter(commodity_groups=("oxides",)), scope(groups="magnets oxides"), True),
        (Filter(commodity_groups=("oxides",)), scope(groups=""), False),
        (Filter(origins=("CN", "US")), scope(), True),
        (Filter(origins=("US",)), scope(), False),
        (Filter(destinations=("DE",)), scope(), True),
        (Filter(destinations=("FR",)), scope(), False),
        (Filter(destinations=("FR",)), scope(destinations="DE FR"), True),
        (Filter(destinations=("DE",)), scope(destinations=WORLD), False),
        (Filter(), scope(destinations=WORLD), True),
        (Filter(destinations=(WORLD,)), scope(destinations=WORLD), True),
        (Filter(destinations=(WORLD,)), scope(destinations="DE"), False),
        (Filter(destinations=("DE",)), scope(destinations=EVERYWHERE), True),
        (Filter(destinations=(WORLD,)), scope(destinations=EVERYWHERE), True),
        (Filter(), scope(destinations=EVERYWHERE), True),
        (Filter(exporters=("acme",)), scope(exporter="acme"), True),
        (Filter(exporters=("acme",)), scope(exporter="other"), False),
        (Filter(exporters=("acme",)), scope(exporter=None), True),
        (Filter(exporters=()), scope(exporter="acme"), True),
    ],
)
def test_scope_decides_who_is_concerned(wanted: Filter, alert: Scope, expected: bool) -> None:
    assert matches(wanted, LANE, "critical", alert) is expected


@pytest.mark.parametrize(
    "kinds,kind,expected",
    [
        ("", LANE, True),
        ("", "lanewatch.decision.held", True),
        ("", PERMITTED, False),
        (PERMITTED, PERMITTED, True),
        ("lanewatch.decision.*", PERMITTED, True),
        ("lanewatch.*", PERMITTED, True),
        ("lanewatch.lane.*", LANE, True),
        ("lanewatch.lane.*", "lanewatch.licence.issued", False),
        ("lanewatch.licence.issued lanewatch.lane.*", "lanewatch.licence.issued", True),
        ("lanewatch.lane.changed", "lanewatch.licence.issued", False),
    ],
)
def test_kinds_are_types_or_prefixes(kinds: str, kind: str, expected: bool) -> None:
    assert matches(Filter(kinds=tuple(kinds.split())), kind, "info", scope()) is expected


@pytest.mark.parametrize("least,severity,expected", [
    ("info", "info", True), ("notice", "info", False), ("warning", "critical", True), ("critical", "warning", False),
])  # fmt: skip
def test_severities_are_ordered(least: str, severity: str, expected: bool) -> None:
    assert matches(Filter(min_severity=least), LANE, severity, scope()) is expected  # type: ignore[arg-type]


def test_a_kind_is_meant_by_itself_and_its_prefixes() -> None:
    assert kind_patterns(LANE) == (LANE, "lanewatch.*", "lanewatch.lane.*")
    assert PING not in KNOWN_PATTERNS
    assert "lanewatch.quota.*" in KNOWN_PATTERNS


def test_an_alert_looks_up_few_keys() -> None:
    assert lookup_keys(scope()) == {
        (group, origin, destination)
        for group in ("magnets", ANY)
        for origin in ("CN", ANY)
        for destination in ("DE", ANY)
    }
    assert len(lookup_keys(scope(destinations=EVERYWHERE))) == 8


words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple)
filters = st.builds(
    Filter,
    commodity_groups=words,
    origins=words,
    destinations=st.lists(st.sampled_from(["a", "b", WORLD]), max_size=2, unique=True).map(tuple),
)
places = st.lists(st.sampled_from(["a", "b", WORLD, EVERYWHERE]), min_size=1, max_size=3, unique=True)
scopes = st.builds(
    Scope,
    commodity_groups=words,
    origin=st.sampled_from(["a", "b", "c"]),
    destinations=places.map(tuple),
)


@given(filters)
def test_keys_are_counted_without_making_them(wanted: Filter) -> None:
    assert key_count(wanted) == len(filter_keys(wanted))


@given(filters, scopes)
def test_keys_meet_exactly_when_the_definition_says_so(wanted: Filter, alert: Scope) -> None:
    assert (not filter_keys(wanted).isdisjoint(lookup_keys(alert))) == matches(wanted, LANE, "critical", alert)
