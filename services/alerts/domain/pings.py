"""Test alerts: an example of any kind, as it would be sent, and marked so that nobody takes it for true."""

from datetime import datetime
from typing import Any

from services.alerts.domain.filters import PING
from shared.cloudevents import JSON, Event, encode_sorted, read_alert
from shared.events import EVERYWHERE, Scope, TestPing
from shared.examples import ALERT_DATA, alert_event

TEST_SOURCE = "/lanewatch/alerts/test"
"""The source of every test alert and of nothing else."""
ESCALATION_SOURCE = "/lanewatch/alerts/escalation"
"""Of alerts that are told to a second subscription; their id is the delivery that nobody acknowledged."""
PULSE = "lanewatch.pipeline.pulse"
EXAMPLES = frozenset(ALERT_DATA) - {PING, PULSE}
"""The kinds of which there is an example."""


def specimen(kind: str, id: str, now: datetime, *, name: str, subscription_id: str) -> Event[Any]:
    """Return a test alert of a kind for the subscription of this name."""
    if kind in EXAMPLES:
        return _example(kind, id, now)
    scope = Scope(commodity_groups=(), origin=EVERYWHERE, destinations=(EVERYWHERE,))
    said = f"A test alert for the subscription “{name}”."
    data = TestPing(scope=scope, severity="info", headline=said, subscription_id=subscription_id)
    return Event(specversion="1.0", id=id, source=TEST_SOURCE, type=PING, time=now, datacontenttype=JSON, data=data)


def _example(kind: str, id: str, now: datetime) -> Event[Any]:
    said = alert_event(kind) | {"id": id, "source": TEST_SOURCE, "time": now.isoformat()}
    said["data"] = said["data"] | {"headline": f"Test: {said['data']['headline']}"}
    return read_alert(encode_sorted(said))
