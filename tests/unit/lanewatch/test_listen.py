"""What `lanewatch listen` prints of a webhook."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from lanewatch.listen import lines_of, refused_line
from lanewatch.receiving import Refused
from services.alerts.domain.digests import Item, digest_of


def alert(headline: str) -> dict[str, Any]:
    data = {"headline": headline, "reasons": [{"says": f"because of {headline}"}]}
    return {"type": "lanewatch.lane.changed", "time": "2025-06-01T00:00:00Z", "data": data}


def test_each_alert_of_a_digest_is_shown_with_its_reasons() -> None:
    items = [Item(UUID(int=n), n, "notice", json.dumps(alert(f"lane {n} flows")).encode()) for n in (7, 8)]
    digest = json.loads(msgspec.json.encode(digest_of(UUID(int=1), items, datetime(2025, 6, 2, tzinfo=UTC))))
    assert lines_of(digest) == [
        "2 alerts: 2 notice",
        "7. 2025-06-01T00:00:00Z  lanewatch.lane.changed",
        "   lane 7 flows",
        "   - because of lane 7 flows",
        "8. 2025-06-01T00:00:00Z  lanewatch.lane.changed",
        "   lane 8 flows",
        "   - because of lane 8 flows",
    ]


@pytest.mark.parametrize(
    "odd", [None, 1, "x", [1], {"data": 1}, {"data": {"headline": 1, "reasons": 1, "alerts": [1, {"event": 2}]}}]
)
def test_whatever_comes_is_shown(odd: Any) -> None:
    assert all(isinstance(line, str) for line in lines_of(odd))


def test_a_refusal_names_its_path_and_webhook() -> None:
    error = Refused("no signature fits")
    assert refused_line(error, "/magnets", {"webhook-id": "w-1"}) == (
        "refused at /magnets, webhook-id w-1: no signature fits"
    )
    assert refused_line(error, "/", {}) == "refused at /, webhook-id missing: no signature fits"
