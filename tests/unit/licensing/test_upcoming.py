"""What is coming, day by day, from licences, quotas, regimes and forecasts; and whom it concerns."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.licensing.domain import outlook, upcoming
from services.licensing.domain.licences import Licence
from services.licensing.domain.past import Drawings, Drawn
from services.licensing.domain.quotas import Quota, opened
from services.licensing.domain.regimes import Regime, Span
from services.licensing.domain.upcoming import Upcoming, Wanted, cut, of_licence, of_outlook, of_quota, of_regime
from shared.cloudevents import read_trade_event
from shared.events import Selector
from tests.support import trade

NOW = datetime(2025, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Wanted()
MAGNETS = Selector(hs=("850511",))
OXIDES = Selector(hs=("284690",))
TRANCHES = [
    {"tranche_id": "1", "opens_at": "2025-06-01T00:00:00Z", "amount": {"value": "20", "unit": "KGM"}},
    {"tranche_id": "2", "opens_at": "2025-09-01T00:00:00+08:00", "amount": {"value": "1200.5", "unit": "KGM"}},
]


def terms(body: bytes) -> Any:
    return read_trade_event(body).data


def a_licence(**over: Any) -> Licence:
    return Licence("L-1", "active", NOW, terms(trade.licence("L-1", **over)))


def a_quota(**over: Any) -> Quota:
    return opened(terms(trade.quota("Q-1", **over)), NOW)


def a_regime(*suspensions: Span, ended_at: datetime | None = None, **over: Any) -> Regime:
    return Regime(terms(trade.regime("R-1", time="2025-04-04T00:00:00Z", **over)), suspensions, ended_at)


def told(entries: list[Upcoming]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.day.isoformat()) for entry in entries]


@pytest.mark.parametrize(
    "valid_until,day",
    [
        ("2025-10-28T00:00:00Z", "2025-10-27"),
        ("2025-10-28T00:00:01Z", "2025-10-28"),
        ("2025-10-28T00:00:00+08:00", "2025-10-27"),
        ("9999-12-31T00:00:00Z", "9999-12-30"),
    ],
)
def test_a_licence_has_its_last_day_before_the_moment_at_which_it_ends(valid_until: str, day: str) -> None:
    (entry,) = of_licence(a_licence(valid_until=valid_until))
    assert (entry.day.isoformat(), entry.of, entry.entity) == (day, "licence:L-1", "licence:L-1")
    assert "X, CN to DE" in entry.says


def test_a_licence_of_which_no_one_has_spoken_is_not_coming_to_an_end() -> None:
    assert list(of_licence(Licence("L-1"))) == []


def test_a_quota_opens_the_tranches_that_are_not_open_yet_and_has_a_last_day() -> None:
    tranche, last = of_quota(a_quota(tranches=TRANCHES), NOW)
    assert (tranche.kind, tranche.day, tranche.of) == ("quota.tranche", date(2025, 8, 31), "quota:Q-1:tranche:2")
    assert "1,200.5 kg" in tranche.title
    assert (last.kind, last.day) == ("quota.last_day", date(2025, 12, 31))


def test_a_quota_that_was_closed_has_nothing_coming() -> None:
    quota = a_quota(tranches=TRANCHES)
    assert list(of_quota(Quota(quota.terms, quota.tranches, statuses=((NOW, "closed"),)), NOW)) == []


def test_a_regime_pauses_and_comes_back_when_its_suspension_ends() -> None:
    since, until = datetime(2025, 11, 10, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC)
    found = list(of_regime(a_regime((since, until)), ALL))
    assert told(found) == [
        ("regime.begins", "2025-04-04"),
        ("regime.pauses", "2025-11-10"),
        ("regime.returns", "2026-11-10"),
    ]
    # Prolonged, it is the same return on a later day.
    later = list(of_regime(a_regime((since, until), (until, until + 90 * DAY)), ALL))
    assert told(later)[1:] == [("regime.pauses", "2025-11-10"), ("regime.returns", "2027-02-08")]
    assert later[2].of == found[2].of


@pytest.mark.parametrize(
    "regime,kinds",
    [
        (a_regime((NOW, None)), ["regime.begins", "regime.pauses"]),
        (a_regime((NOW - 200 * DAY, NOW)), ["regime.returns"]),
        (a_regime((NOW, NOW + DAY), ended_at=NOW + DAY), ["regime.begins", "regime.pauses"]),
        (a_regime(ended_at=NOW, effective_until="2025-07-01T00:00:00Z"), ["regime.begins", "regime.ends"]),
        (a_regime(effective_until="2025-09-01T00:00:00Z", ended_at=NOW), ["regime.begins", "regime.ends"]),
    ],
)
def test_only_what_changes_whether_a_regime_is_in_force_is_told(regime: Regime, kinds: list[str]) -> None:
    assert [entry.kind for entry in of_regime(regime, ALL)] == kinds


def test_a_phase_of_a_regime_concerns_whom_it_reaches() -> None:
    phases = [
        {"phase_id": "2", "effective_from": "2025-12-01T00:00:00Z", "destinations": {"include": ["US"]}},
    ]
    regime = a_regime(phases=phases)
    for destination, kinds in (("US", ["regime.begins", "regime.phase"]), ("DE", ["regime.begins"])):
        assert [e.kind for e in of_regime(regime, Wanted(destination=destination))] == kinds


@pytest.mark.parametrize(
    "wanted,is_there",
    [
        (Wanted(), True),
        (Wanted(MAGNETS, "CN", "DE", "X"), True),
        (Wanted(OXIDES), False),
        (Wanted(origin="JP"), False),
        (Wanted(destination="US"), False),
        (Wanted(exporter="Y"), False),
    ],
)
def test_who_asks_for_some_goods_countries_or_exporter_is_told_of_no_others(wanted: Wanted, is_there: bool) -> None:
    assert wanted.has_licence(a_licence().terms) is is_there  # type: ignore[arg-type]
    limits = {"exporters": ["X"], "destinations": {"exclude": ["US"]}}
    assert wanted.has_quota(a_quota(**limits)) is is_there


def test_another_exporters_part_of_a_quota_is_not_told() -> None:
    wanted = Wanted(exporter="X")
    assert wanted.has_account("quota:Q-1:exporter:X")
    assert wanted.has_account("quota:Q-1")
    assert wanted.has_account("licence:L-1:1")
    assert not wanted.has_account("quota:Q-1:exporter:Y")


def drawings(left: int) -> Drawings:
    drawn = [Drawn(age, 10_000_000, 1) for age in range(90)]
    return Drawings("quota:Q-1", "MGM", left, NOW - 200 * DAY, drawn, [])


def runs_out(left: int) -> Upcoming | None:
    (found,) = outlook.of_quota(a_quota(), [drawings(left)], NOW)
    return of_outlook(found)


def test_what_runs_out_is_told_with_its_range_and_coverage() -> None:
    entry = runs_out(600_000_000)
    assert entry is not None
    assert abs(entry.day - date(2025, 8, 30)) < 2 * DAY
    assert "80 times in 100 between 2025-08-" in entry.says
    assert "in a backtest 81 in 100" in entry.says


def test_what_lasts_and_what_is_used_up_is_not_coming() -> None:
    assert runs_out(6_000_000_000) is None
    assert runs_out(0) is None


def test_a_range_that_reaches_beyond_the_end_says_so() -> None:
    entry = runs_out(1_815_000_000)
    assert entry is not None
    assert "perhaps not before its time ends" in entry.says


def entries(*days: int) -> list[Upcoming]:
    make: Callable[[int, int], Upcoming] = lambda n, day: Upcoming(  # noqa: E731 - named for what it makes
        date(2025, 7, day), "licence.last_day", f"licence:{n}", f"licence:{n}", "", ""
    )
    return [make(n, day) for n, day in enumerate(days)]


def test_a_calendar_is_cut_between_days_and_says_from_which_on_something_is_missing() -> None:
    first, end = date(2025, 7, 2), date(2025, 7, 9)
    found = cut(entries(9, 1, 5, 3, 5, 2), first, end, 3)
    assert ([e.day.day for e in found.entries], found.day) == ([2, 3], date(2025, 7, 5))
    assert cut(entries(9, 1, 5, 3, 5, 2), first, end, 4).day is None
    # Of a day that alone is too much as many are told as may be.
    alone = cut(entries(5, 5, 5), first, end, 2)
    assert (len(alone.entries), alone.day) == (2, date(2025, 7, 5))


def test_suspensions_that_touch_are_one() -> None:
    a, b, c, d = (NOW + n * DAY for n in range(4))
    assert upcoming.joined([(c, d), (a, b), (b, c)]) == [(a, d)]
    assert upcoming.joined([(a, None), (b, c)]) == [(a, None)]
    assert upcoming.joined([(a, b), (c, None)]) == [(a, b), (c, None)]
