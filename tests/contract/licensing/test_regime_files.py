"""Every regime that comes with the project holds to the contract and says where its facts come from."""

import re
from collections import Counter

import pytest

from lanewatch.regimes import Regime, read
from tests.support.regimes import FOLDER, content, names


def regime(name: str) -> Regime:
    return read(FOLDER / f"{name}.json")


def test_the_regimes_that_come_with_the_project_are_there() -> None:
    assert names() == [
        "cn-2025",
        "cn-quotas-2013",
        "cn-quotas-2014",
        "eu-dual-use",
        "eu-tariff-quotas",
        "uk-licence-usage",
        "us-licence-decrement",
    ]


@pytest.mark.parametrize("name", names())
def test_every_event_of_a_file_holds_to_the_contract(name: str) -> None:
    assert regime(name).events


@pytest.mark.parametrize("name", names())
def test_a_file_names_its_sources(name: str) -> None:
    for source in content(name)["sources"]:
        assert re.fullmatch(r"https?://[^/ ]+/\S*", source["url"]), source
        assert re.fullmatch(r"\d{4}(-\d\d){0,2}|undated", source["date"]), source
        assert all(source.values()), source


@pytest.mark.parametrize("name", names())
def test_a_file_is_in_the_order_of_its_events_times(name: str) -> None:
    times = [event.time for event in regime(name).events]
    assert times == sorted(times)


def test_no_two_files_speak_of_the_same_event_or_thing() -> None:
    found = [regime(name) for name in names()]
    assert max(Counter(event.name for one in found for event in one.events).values()) == 1
    assert max(Counter(entity for one in found for entity in one.entities).values()) == 1
