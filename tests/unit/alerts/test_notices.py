"""What is told of an endpoint: each change once."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.alerts.domain.breaker import Health, State
from services.alerts.domain.filters import is_default
from services.alerts.domain.notices import About, Notice, alert_of, news
from shared.events import EndpointNoticed

NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)
SINCE = datetime(2025, 4, 4, 8, tzinfo=UTC)
WELL = Health()
STRAINED = Health(failing_since=SINCE, tries=1, last_error="status 500")
OPEN = Health(State.OPEN, failing_since=SINCE, tries=5, last_error="status 503")
LOST = Health(State.OPEN, failing_since=SINCE, tries=99, last_error="status 503", given_up="for days")
ABOUT = About(UUID(int=7), "Magnets", 1)


@pytest.mark.parametrize(
    "told,old,new,step",
    [
        (None, WELL, STRAINED, None),
        (None, STRAINED, OPEN, "failing"),
        ("failing", OPEN, OPEN, None),
        ("failing", OPEN, LOST, "disabled"),
        (None, WELL, LOST, "disabled"),  # 410
        ("disabled", LOST, LOST, None),
        ("disabled", LOST, OPEN, None),
        ("failing", OPEN, WELL, "recovered"),
        ("disabled", OPEN, WELL, "recovered"),
        ("failing", OPEN, STRAINED, None),
        (None, STRAINED, WELL, None),
        (None, OPEN, WELL, None),  # both within one record: nothing was told, nothing is taken back
    ],
)
def test_a_change_is_told_once(told: str | None, old: Health, new: Health, step: str | None) -> None:
    notice = news(told, old, new, NOW)
    assert (notice and notice.step) == step
    if notice is not None:
        assert notice.since == SINCE
        assert news(notice.told, new, new, NOW) is None


def test_it_says_which_since_when_why_and_how_much_waits() -> None:
    event = alert_of(Notice("failing", SINCE, "status 503"), 3, ABOUT, NOW)
    assert event.type == "lanewatch.endpoint.failing"
    assert event.data.headline == (
        "The endpoint of “Magnets” takes nothing since 2025-04-04 08:00:00 UTC (status 503); 1 alert waits for it"
    )
    assert (event.data.subscription_id, event.data.waiting) == (str(ABOUT.subscription_id), 1)


def test_only_who_asks_for_it_is_told() -> None:
    assert not any(is_default(kind) for kind in EndpointNoticed.TYPES)
