"""The demo's story comes out of the published figures, and a second run has no effect."""

from collections import Counter
from typing import Any

import pytest

from lanewatch.demo.figures import read_figures
from lanewatch.demo.story import by_type, tell
from lanewatch.stack import StackConfig
from tests.e2e.demo.expected import RESTRICTED_ON, STATES
from tests.e2e.demo.running import SCALE, Outcome, lanewatch, run_demo, undisturbed

pytestmark = pytest.mark.timeout(240)

FLOWING_FROM = ("2025-05-19", "2025-05-31")


@pytest.fixture(scope="module")
def first() -> Outcome:
    _, outcome = undisturbed()
    assert outcome.code == 0, outcome.errors + "\n".join(outcome.lines[-20:])
    return outcome


def changes(outcome: Outcome, lane: str) -> list[tuple[str, str]]:
    return [(one["date"], one["state"]) for one in outcome.summary["changes"] if one["lane"] == lane]


@pytest.mark.parametrize("lane", STATES)
def test_lane_is_each_month_what_the_figures_say(first: Outcome, lane: str) -> None:
    assert first.summary["states"][lane] == STATES[lane]


def test_controlled_magnets_are_restricted_on_the_day_and_flow_once_licensed_ones_clear(first: Outcome) -> None:
    (_, began), (shut, restricted), (opened, flowing) = changes(first, "magnets-controlled:CN:world")
    assert (began, restricted, flowing) == ("flowing", "restricted", "flowing")
    assert shut == RESTRICTED_ON
    assert FLOWING_FROM[0] <= opened <= FLOWING_FROM[1]
    assert changes(first, "magnets-controlled:CN:DE")[1] == (RESTRICTED_ON, "restricted")


def test_every_change_has_reasons_with_figures(first: Outcome) -> None:
    told = first.this_run["reasons"]
    assert len(told) == len(first.summary["changes"]) > 15
    for change in told:
        assert change["reasons"], change
        assert any(reason.get("figures") for reason in change["reasons"]), change
        assert all(reason["says"] for reason in change["reasons"]), change


def test_every_event_and_delivery_is_accounted_for(first: Outcome) -> None:
    story = tell(read_figures(), float(SCALE))
    assert first.summary["events"] == {
        "told": len(story.events),
        "by_type": by_type(story.events),
        "by_status": {"decided": len(story.events)},
    }
    permitted = by_type(story.events)["trade.shipment.cleared"]
    assert first.summary["decisions"] == {"denied": 30, "permitted": permitted}
    assert first.summary["declared_before_their_licence"] == {"permitted": 5}
    assert first.this_run["seen_parked"] == 5
    assert set(first.summary["audit"].values()) == {0}
    delivered = first.summary["deliveries"]["delivered"]
    assert first.summary["deliveries"] == {"delivered": delivered}
    assert sum(first.summary["webhooks"].values()) == delivered == first.this_run["webhooks_verified"]
    assert 30 < delivered < 300


def test_story_is_printed_as_plain_lines(first: Outcome) -> None:
    text = "\n".join(first.lines)
    assert "\x1b" not in text
    assert f"{RESTRICTED_ON}  No. 18 of 2025" in text
    lines = [line for line in first.lines if line.startswith("2025-")]
    told = Counter(line.split()[1] for line in lines if line.split()[1] in STATES)
    assert told == {lane: len(changes(first, lane)) for lane in STATES}
    assert "Audit: clean" in text


def test_second_run_on_the_same_data_changes_nothing_and_clean_removes_all(first: Outcome) -> None:
    config, _ = undisturbed()
    second = run_demo(config, "--keep")
    assert second.code == 0, second.errors
    assert second.summary == first.summary
    assert second.this_run["duplicates_absorbed"] == len_told(first) + first.this_run["duplicates_absorbed"]
    assert second.this_run["webhooks_verified"] == 0
    assert second.this_run["attempts"] == first.this_run["attempts"]
    assert second.this_run["reasons"] == first.this_run["reasons"]
    check_kept(config)
    done(config, "clean", "--yes")
    assert not config.demo.state_dir.exists()


def len_told(outcome: Outcome) -> int:
    told: int = outcome.summary["events"]["told"]
    return told


def check_kept(config: StackConfig) -> None:
    """The stack of a kept demo serves, and stands in the way of none but itself."""
    kept: Any = lanewatch(config.demo, "status")
    out, _ = kept.communicate(timeout=30)
    assert kept.returncode == 0, out
    other = lanewatch(config, "up")
    _, error = other.communicate(timeout=60)
    assert other.returncode == 1
    assert "is taken" in error


def done(config: StackConfig, *arguments: str) -> None:
    process = lanewatch(config, *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
