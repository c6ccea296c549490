"""Selectors, destinations, and regimes as dated overlays."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.commodities import admits, implies, matches, may_overlap
from services.licensing.domain.regimes import Regime, announced, changed
from shared.events import (
    Commodity,
    Destinations,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    Selector,
)


def at(month: int, day: int) -> datetime:
    return datetime(2025, month, day, tzinfo=UTC)


lists = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple)
codes = st.lists(st.sampled_from(["85", "8505", "850511", "28"]), max_size=2, unique=True).map(tuple)
selectors = st.builds(
    lambda hs, e, f: Selector(hs=hs, elements=e, forms=f),
    codes,
    lists,
    lists,
)
goods = st.builds(
    lambda hs, e, f: Commodity(hs=hs, elements=e, form=f),
    st.sampled_from(["85", "8505", "850511", "850519", "28", "280530"]),
    lists,
    st.sampled_from(["a", "b", "c"]),
)


@given(narrow=selectors, wide=selectors, item=goods)
def test_what_is_implied_matches_too(narrow: Selector, wide: Selector, item: Commodity) -> None:
    if implies(narrow, wide) and matches(narrow, item):
        assert matches(wide, item)


@given(one=selectors, other=selectors, item=goods)
def test_goods_of_two_selectors_make_them_overlap(one: Selector, other: Selector, item: Commodity) -> None:
    if len(item.elements) < 2 and matches(one, item) and matches(other, item):
        assert may_overlap(one, other)


@pytest.mark.parametrize(
    "include,exclude,country,is_admitted",
    [
        ((), (), "DE", True),
        (("DE",), (), "DE", True),
        (("DE",), (), "US", False),
        ((), ("US",), "US", False),
        (("US",), ("US",), "US", False),
    ],
)
def test_destinations(include: tuple[str, ...], exclude: tuple[str, ...], country: str, is_admitted: bool) -> None:
    assert admits(Destinations(include=include, exclude=exclude), country) is is_admitted


def regime(**over: object) -> Regime:
    terms = {
        "regime_id": "R",
        "authority": "A",
        "title": "T",
        "origin": "CN",
        "covers": (Selector(elements=("Dy",)),),
        "effective_from": at(4, 4),
    }
    return announced(RegimeAnnounced(**{**terms, **over}), None)  # type: ignore[arg-type]


def test_a_regime_begins_and_ends() -> None:
    it = regime(effective_until=at(6, 1))
    assert [
        it.is_in_force(at(4, 3)),
        it.is_in_force(at(4, 4)),
        it.is_in_force(at(5, 31)),
        it.is_in_force(at(6, 1)),
    ] == [
        False,
        True,
        True,
        False,
    ]


def test_a_suspended_regime_comes_back_by_itself() -> None:
    suspended = RegimeSuspended(regime_id="R", suspended_from=at(5, 1), suspended_until=at(7, 1))
    it = changed(regime(), suspended, at(4, 20))
    assert [it.is_in_force(at(4, 30)), it.is_in_force(at(5, 1)), it.is_in_force(at(7, 1))] == [True, False, True]


def test_a_suspension_can_be_cut_short() -> None:
    it = changed(regime(), RegimeSuspended(regime_id="R", suspended_from=at(5, 1)), at(5, 1))
    it = changed(it, RegimeReinstated(regime_id="R"), at(6, 1))
    assert [it.is_in_force(at(5, 15)), it.is_in_force(at(6, 1))] == [False, True]


def test_an_ended_regime_stays_ended_when_amended() -> None:
    it = changed(regime(), RegimeEnded(regime_id="R"), at(6, 1))
    assert not it.is_in_force(at(6, 1))
    assert not announced(it.terms, it).is_in_force(at(6, 2))  # type: ignore[arg-type]


def test_a_lane_is_shut_only_when_all_its_goods_are_covered() -> None:
    controlled, all_magnets = Selector(elements=("Dy",), hs=("8505",)), Selector(hs=("8505",))
    assert regime().covers_lane(controlled, "CN", "DE", at(5, 1))
    assert not regime().covers_lane(all_magnets, "CN", "DE", at(5, 1))
    assert not regime().covers_lane(controlled, "VN", "DE", at(5, 1))
    only_us = regime(destinations=Destinations(include=("US",)))
    assert only_us.covers_lane(controlled, "CN", "US", at(5, 1))
    assert not only_us.covers_lane(controlled, "CN", "DE", at(5, 1))
    assert not only_us.covers_lane(controlled, "CN", None, at(5, 1))
