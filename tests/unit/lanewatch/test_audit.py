"""What the audit makes of the counts of licensing and alerts."""

from typing import Any

import httpx
import pytest

from lanewatch.audit import _counts, alerts_lines
from lanewatch.stack import StackConfig, StackError
from services.alerts.domain import digests, notices, pings, pulse

LANE = "lanewatch.lane.changed"


def licensing(made: int, unpublished: int = 0) -> dict[str, Any]:
    return {"alerts_by_type": {LANE: made}, "unpublished": unpublished, "unpublishable": 0}


def alerts(**by_source: int) -> dict[str, Any]:
    return {
        # What a service makes itself carries the kinds of what it takes over.
        "alerts_by_kind": {LANE: sum(by_source.values())},
        "alerts_by_source": by_source,
        "deliveries_by_state": {},
        "delivered_without_accepted_attempt": 0,
    }


def counts(here: dict[str, Any], there: dict[str, Any], later: dict[str, Any]) -> tuple[int, int]:
    found = {line.what.strip(): line.count for line in alerts_lines(here, there, later)}
    return found["taken over and never made"], found["published and not taken over yet"]


def test_what_alerts_made_itself_of_any_kind_is_no_gap() -> None:
    own = {pings.TEST_SOURCE, pings.ESCALATION_SOURCE, digests.SOURCE, notices.SOURCE, pulse.SOURCE}
    there = alerts(**{"/lanewatch/licensing": 5}, **dict.fromkeys(own, 2))
    assert counts(licensing(5), there, licensing(5)) == (0, 0)
    assert counts(licensing(7), there, licensing(7)) == (0, 2), "its own do not stand for what is missing"


def test_what_nobody_made_is_a_gap() -> None:
    there = alerts(**{"/lanewatch/licensing": 5, "/lanewatch/alertsmith": 1})
    assert counts(licensing(5), there, licensing(5)) == (1, 0)


def test_what_was_made_and_taken_over_meanwhile_is_no_gap() -> None:
    assert counts(licensing(5), alerts(**{"/lanewatch/licensing": 8}), licensing(9)) == (0, 0)
    assert counts(licensing(5, unpublished=1), alerts(**{"/lanewatch/licensing": 3}), licensing(5)) == (0, 1)


async def test_a_refusal_is_told_as_one_and_not_as_a_stack_that_is_away() -> None:
    problem = {"title": "Not allowed", "detail": "This needs the scope operations:read."}
    transport = httpx.MockTransport(lambda _: httpx.Response(403, json=problem))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(StackError, match="Alerts refuses: Not allowed: This needs the scope operations:read"):
            await _counts(client, StackConfig.from_env({}), "alerts")
