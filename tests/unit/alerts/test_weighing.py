"""However many conditions there are to ask, others get their turn."""

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.alerts import matching
from services.alerts.domain.conditions import Answer
from services.alerts.matching import WITHOUT_BREATH_S, weigh_all
from services.alerts.store.intake import NewAlert
from services.alerts.store.weighing import Candidate
from shared.cloudevents import encode_sorted
from shared.events import Scope
from shared.examples import alert_event

NOW = datetime(2025, 4, 4, 9, tzinfo=UTC)
KIND = "lanewatch.lane.changed"
SCOPE = Scope(commodity_groups=("dy-magnets",), origin="CN", destinations=("DE",))
ALERT = NewAlert("/s", "1", KIND, "notice", None, NOW, encode_sorted(alert_event(KIND)), SCOPE)
COUNT = 20


async def test_what_takes_long_is_interrupted_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> Answer:
        time.sleep(WITHOUT_BREATH_S / 2)  # about as long as compiling takes
        return Answer(is_wanted=True)

    async def breathe() -> None:
        breaths.append(time.monotonic())

    monkeypatch.setattr(matching, "ask", ask)
    breaths: list[float] = []
    found = [Candidate(UUID(int=n), 1, None, True, "true", None, None, None) for n in range(COUNT)]  # noqa: FBT003 - a row
    weighed, failures = await weigh_all(found, {1: ALERT}, NOW, breathe)
    assert ([each.subscription_id for each in weighed], failures) == ([each.subscription_id for each in found], {})
    assert len(breaths) >= COUNT // 4
