"""The story holds the published figures to the kilogram, and is the same each time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest

from lanewatch.demo.cells import apportion, cells
from lanewatch.demo.figures import KG_PER_T, read_figures
from lanewatch.demo.licences import Licence
from lanewatch.demo.shipments import Shipment, split
from lanewatch.demo.story import Day, Story, by_type, tell
from shared.cloudevents import read_trade_event, write
from shared.events import LicenceIssued, RegimeAnnounced, RegimeSuspended, ShipmentCleared, ShipmentDeclared

FIGURES = read_figures()
STORIES = {scale: tell(FIGURES, scale) for scale in (1.0, 5.0)}
CRITICAL_SHARE = 0.9
ANNOUNCED, REOPENED = datetime(2025, 4, 4, tzinfo=UTC), datetime(2025, 5, 19, tzinfo=UTC)


@pytest.fixture(params=STORIES, ids=lambda scale: f"scale {scale:g}")
def story(request: pytest.FixtureRequest) -> Story:
    return STORIES[request.param]


def declared(story: Story) -> dict[str, ShipmentDeclared]:
    return {one.data.shipment_id: one.data for one in story.events if isinstance(one.data, ShipmentDeclared)}


def cleared(story: Story) -> list[tuple[datetime, ShipmentDeclared]]:
    """When each shipment cleared and what it is, from the events alone."""
    known = declared(story)
    return [(e.time, known[e.data.shipment_id]) for e in story.events if isinstance(e.data, ShipmentCleared)]


def is_magnet(shipment: ShipmentDeclared) -> bool:
    return shipment.lines[0].commodity.form == "magnet"


def is_controlled(shipment: ShipmentDeclared) -> bool:
    return is_magnet(shipment) and "Dy" in shipment.lines[0].commodity.elements


def cleared_kg(story: Story, *, by: Any, only: Any) -> Counter[Any]:
    totals: Counter[Any] = Counter()
    for at, shipment in cleared(story):
        if only(shipment):
            totals[by(at, shipment)] += int(shipment.lines[0].net_mass.value)
    return totals


def month(at: datetime, _: ShipmentDeclared) -> str:
    return at.isoformat()[:7]


def month_and_country(at: datetime, shipment: ShipmentDeclared) -> tuple[str, str]:
    return month(at, shipment), shipment.destination


def test_months_are_the_published_ones_to_the_kilogram(story: Story) -> None:
    assert cleared_kg(story, by=month, only=is_magnet) == {
        "2025-01": 6_357_000,
        "2025-02": 3_585_000,
        "2025-03": 5_323_000,
        "2025-04": 2_628_000,
        "2025-05": 1_238_000,
        "2025-06": 3_188_000,
        "2025-07": 5_577_000,
        "2025-08": 6_146_000,
        "2025-09": 5_774_000,
        "2025-10": 5_473_000,
        "2025-11": 6_150_000,
        "2025-12": 5_952_000,
    }
    rare_earths = cleared_kg(story, by=month, only=lambda s: not is_magnet(s))
    assert rare_earths["2025-01"] + rare_earths["2025-02"] == 8_511_000
    assert rare_earths["2025-06"] == 7_742_000
    assert rare_earths["2025-09"] == 4_000_300
    assert rare_earths == FIGURES.rare_earths_kg


def test_countries_are_the_published_ones_to_the_kilogram(story: Story) -> None:
    found = cleared_kg(story, by=month_and_country, only=is_magnet)
    known = FIGURES.assumed.destination_tonnes_known.value
    assert known["2025-07"] == {"DE": 1116, "US": 619, "IN": 418, "JP": 232}
    for name, countries in known.items():
        for country, tonnes in countries.items():
            assert found[name, country] == tonnes * KG_PER_T, (name, country)


def test_each_span_of_days_clears_its_controlled_mass(story: Story) -> None:
    by_day = cleared_kg(story, by=lambda at, _: at.date(), only=is_controlled)
    for span in FIGURES.assumed.magnet_clearances.value:
        assert sum(kg for day, kg in by_day.items() if span.first <= day <= span.last) == span.controlled_kg


def test_no_controlled_magnet_clears_between_announcement_and_reopening(story: Story) -> None:
    times = [at for at, shipment in cleared(story) if is_controlled(shipment)]
    assert [at for at in times if ANNOUNCED <= at < REOPENED] == []
    assert max(at for at in times if at < ANNOUNCED).date() == date(2025, 4, 3)
    assert min(at for at in times if at >= ANNOUNCED).date() == date(2025, 5, 19)


def test_days_of_a_span_are_even() -> None:
    by_day = cleared_kg(STORIES[1.0], by=lambda at, _: at.date(), only=is_magnet)
    for span in FIGURES.assumed.magnet_clearances.value:
        days = [span.first + timedelta(days=n) for n in range((span.last - span.first).days + 1)]
        mean = (span.controlled_kg + span.uncontrolled_kg) / len(days)
        sums = [0, *accumulate(by_day[day] for day in days)]
        assert all(abs(total - mean * n) < max(2.5 * mean, 0.1 * sums[-1]) for n, total in enumerate(sums)), span


def test_story_is_the_same_each_time_and_another_at_another_scale() -> None:
    again = tell(FIGURES, 5.0)
    assert again.fingerprint == STORIES[5.0].fingerprint != STORIES[1.0].fingerprint
    assert list(map(write, again.events)) == list(map(write, STORIES[5.0].events))


def test_every_event_keeps_the_contract_and_is_told_once(story: Story) -> None:
    for one in story.events:
        assert read_trade_event(write(one)).id == one.id
    assert len({one.name for one in story.events}) == len(story.events)


def test_every_day_of_the_year_ends_with_its_tick(story: Story) -> None:
    assert len(story.days) == 365
    for day in story.days:
        assert day.waves[-1] == [day.tick]
        assert day.tick.data.now == datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC) + timedelta(
            days=1
        )
        assert {one.time.date() for wave in day.waves[:-1] for one in wave} == {day.date}
    assert all(one.data.now < other.data.now for one, other in pairwise(day.tick for day in story.days))


def licences_of(story: Story) -> dict[str, Licence]:
    return {licence.licence_id: licence for licence in story.licences}


def under_licence(story: Story) -> list[Shipment]:
    return [s for s in story.shipments if s.goods == "controlled" and s.cleared_at >= REOPENED]


def test_every_licensed_shipment_fits_its_licence(story: Story) -> None:
    known, needing = licences_of(story), {s.shipment_id for s in under_licence(story)}
    assert needing
    for shipment in story.shipments:
        assert (shipment.licence_id is not None) == (shipment.shipment_id in needing), shipment
        if shipment.licence_id:
            licence = known[shipment.licence_id]
            assert licence.exporter == shipment.exporter
            assert licence.permits(shipment)


def test_licences_stay_below_the_critical_share(story: Story) -> None:
    drawn: Counter[str | None] = Counter()
    for shipment in story.shipments:
        drawn[shipment.licence_id] += shipment.mass_kg
    assert all(drawn[one.licence_id] < CRITICAL_SHARE * one.mass_kg for one in story.licences)
    assert sum(one.mass_kg for one in story.licences) < 1.6 * sum(s.mass_kg for s in under_licence(story))


def test_every_reopened_country_always_has_a_valid_licence(story: Story) -> None:
    for country, opened in FIGURES.assumed.controlled_destination_opened.value.items():
        for number in range((date(2026, 1, 1) - opened).days):
            at = datetime(opened.year, opened.month, opened.day, tzinfo=UTC) + timedelta(days=number)
            valid = [one for one in story.licences if country in one.destinations]
            assert any(one.valid_from <= at < one.valid_until for one in valid), (country, at)


def test_early_declarations_come_before_their_licence(story: Story) -> None:
    assert len(story.early) == 5
    issued = {
        one.data.licence_id: day for day in story.days for one in day.published if isinstance(one.data, LicenceIssued)
    }
    for day in story.days:
        for one in day.early:
            assert issued[one.data.lines[0].licence_id] is day
            assert day.waves[0] == day.early


def test_unlicensed_declarations_never_clear(story: Story) -> None:
    known = declared(story)
    done = {shipment.shipment_id for _, shipment in cleared(story)}
    never = [s for s in known.values() if s.shipment_id not in done]
    assert len(never) == 30
    assert all(is_controlled(s) and s.lines[0].licence_id is None for s in never)
    ends = Counter(e.type for e in story.events if getattr(e.data, "shipment_id", "") in {s.shipment_id for s in never})
    assert ends["trade.shipment.rejected"] + ends["trade.shipment.cancelled"] == 30
    assert ends["trade.shipment.cleared"] == 0


def test_steps_of_a_shipment_are_in_order(story: Story) -> None:
    order = ("declared", "held", "released", "cleared", "departed", "arrived", "delivered")
    steps: dict[str, list[tuple[int, datetime]]] = {}
    for one in story.events:
        step = one.type.rpartition(".")[2]
        if step in order and one.type.startswith("trade.shipment."):
            steps.setdefault(one.data.shipment_id, []).append((order.index(step), one.time))
    for life in steps.values():
        times = [at for _, at in sorted(life)]
        assert all(one < other for one, other in pairwise(times)), life
    counts = by_type(story.events)
    assert counts["trade.shipment.held"] == counts["trade.shipment.released"] == 6


def test_regimes_have_the_published_dates() -> None:
    found = {e.data.regime_id: e for e in STORIES[1.0].events if isinstance(e.data, RegimeAnnounced)}
    dates = {name: (e.time.date().isoformat(), e.data.effective_from.date().isoformat()) for name, e in found.items()}
    assert dates == {
        "CN-2025-18": ("2025-04-04", "2025-04-04"),
        "CN-2025-55": ("2025-10-09", "2025-11-08"),
        "CN-2025-56": ("2025-10-09", "2025-11-08"),
        "CN-2025-57": ("2025-10-09", "2025-11-08"),
        "CN-2025-58": ("2025-10-09", "2025-11-08"),
        "CN-2025-61": ("2025-10-09", "2025-12-01"),
        "CN-2025-62": ("2025-10-09", "2025-10-09"),
    }
    suspended = [e.data for e in STORIES[1.0].events if isinstance(e.data, RegimeSuspended)]
    assert {s.regime_id for s in suspended} == set(dates) - {"CN-2025-18"}
    assert {s.suspended_from.date().isoformat() for s in suspended} == {"2025-11-07"}
    assert {s.suspended_until.date().isoformat() for s in suspended if s.suspended_until} == {"2026-11-10"}


def test_sizes_are_as_assumed() -> None:
    magnets, rare_earths = FIGURES.assumed.magnet_shipment_t.value, FIGURES.assumed.rare_earth_shipment_t.value
    for shipment in STORIES[1.0].shipments:
        size = rare_earths if shipment.goods == "rare-earths" else magnets
        assert size.min * KG_PER_T <= shipment.mass_kg <= size.max * KG_PER_T, shipment


def test_larger_scale_means_fewer_shipments() -> None:
    assert len(STORIES[5.0].shipments) < 0.4 * len(STORIES[1.0].shipments)


@pytest.mark.parametrize("total", [0, 1, 999, 1_000_003])
def test_apportioned_parts_sum_to_the_total(total: int) -> None:
    parts = apportion(total, {"A": 0.1, "B": 3, "C": 3, "D": 7.7})
    assert sum(parts.values()) == total
    assert min(parts.values()) >= 0


def test_split_masses_sum_to_the_whole() -> None:
    for count in (1, 2, 7, 100):
        parts = split(123_457, count, Random(1))  # noqa: S311 - drawn to be repeated
        assert len(parts) == count
        assert sum(parts) == 123_457
        assert min(parts) > 0


def test_cells_are_disjoint() -> None:
    seen = set()
    for cell in cells(FIGURES):
        for number in range(cell.days):
            key = (cell.goods, cell.destination, cell.first + timedelta(days=number))
            assert key not in seen
            seen.add(key)


def test_a_day_without_trade_still_has_its_tick() -> None:
    day = Day(date(2025, 12, 31))
    assert day.waves == [[day.tick]]
    assert day.tick.id == "tick-2026-01-01"
