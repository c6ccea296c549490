"""Test alerts are what would be sent, and marked."""

from datetime import UTC, datetime

import pytest

from services.alerts.domain.filters import KINDS, PING
from services.alerts.domain.pings import EXAMPLES, PULSE, TEST_SOURCE, specimen
from shared.cloudevents import read_alert, write
from shared.examples import alert_event

NOW = datetime(2025, 4, 4, tzinfo=UTC)


def test_there_is_an_example_of_every_kind_that_may_be_subscribed_to() -> None:
    assert KINDS - {PULSE} <= EXAMPLES


@pytest.mark.parametrize("kind", sorted(EXAMPLES | {PING}))
def test_an_example_keeps_to_the_contract_and_is_marked(kind: str) -> None:
    event = read_alert(write(specimen(kind, "id-1", NOW, name="magnets", subscription_id="s-1")))
    assert (event.type, event.source, event.id, event.time) == (kind, TEST_SOURCE, "id-1", NOW)
    assert "test" in event.data.headline.lower()
    if kind != PING:
        assert event.data.scope.origin == alert_event(kind)["data"]["scope"]["origin"]
