"""What is read out of the services' answers, and how the story is put into lines."""

from typing import Any

import pytest

from lanewatch.demo.screen import line_of
from lanewatch.demo.summary import states_by_month

MONTHS = ("2025-03", "2025-04", "2025-05")


def change(at: str, state: str) -> dict[str, Any]:
    return {"at": at, "state": state}


@pytest.mark.parametrize(
    "changes, expected",
    [
        ([], ["dormant", "dormant", "dormant"]),
        ([change("2025-01-01T03:00:00Z", "flowing")], ["flowing", "flowing", "flowing"]),
        (
            [change("2025-01-01T03:00:00Z", "flowing"), change("2025-04-04T00:00:00Z", "restricted")],
            ["flowing", "restricted", "restricted"],
        ),
        # the tick of the midnight after closes the month's last day
        ([change("2025-05-01T00:00:00Z", "constrained")], ["dormant", "constrained", "constrained"]),
        ([change("2025-05-01T00:00:01Z", "constrained")], ["dormant", "dormant", "constrained"]),
        (
            [change("2025-04-04T00:00:00Z", "restricted"), change("2025-04-20T00:00:00Z", "flowing")],
            ["dormant", "flowing", "flowing"],
        ),
    ],
)
def test_state_of_a_month_is_that_of_its_end(changes: list[dict[str, Any]], expected: list[str]) -> None:
    assert list(states_by_month(changes, MONTHS).values()) == expected


def lane_alert(lane_id: str) -> dict[str, Any]:
    data = {
        "lane_id": lane_id,
        "state": "restricted",
        "headline": "h",
        "reasons": [{"says": "first"}, {"says": "last"}],
    }
    return {"type": "lanewatch.lane.changed", "time": "2025-04-04T00:00:00Z", "data": data}


def test_line_of_a_shown_lane_has_date_state_and_the_last_reason() -> None:
    line = line_of(lane_alert("magnets:CN:world"))
    assert line is not None
    assert line.plain.split() == ["2025-04-04", "magnets:CN:world", "restricted", "last"]


def test_other_lanes_are_not_shown() -> None:
    assert line_of(lane_alert("magnets:CN:JP")) is None


def test_line_of_an_announcement_is_its_headline() -> None:
    alert = {"type": "lanewatch.regime.announced", "time": "2025-04-04T00:00:00Z", "data": {"headline": "No. 18"}}
    line = line_of(alert)
    assert line is not None
    assert line.plain == "2025-04-04  No. 18"
