"""Trade events for tests, as JSON bodies; every field can be overridden."""

import itertools
import json
from typing import Any

_numbers = itertools.count(1)

DAY = "2025-04-{:02d}T08:00:00Z"
CONTROLLED = ["Sm", "Gd", "Tb", "Dy", "Lu", "Sc", "Y"]
MAGNET = {"hs": "850511", "elements": ["Nd"], "form": "magnet"}
CONTROLLED_MAGNET = {"hs": "850511", "elements": ["Nd", "Dy"], "form": "magnet"}


def event(kind: str, data: dict[str, Any], *, time: str = "2025-04-10T08:00:00Z", **over: Any) -> bytes:
    number = next(_numbers)
    body = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "type": kind, "time": time, "data": data}
    return json.dumps({**body, **over}).encode()


def regime(regime_id: str = "R-18", *, time: str = "2025-04-04T00:00:00Z", **over: Any) -> bytes:
    kind = over.pop("kind", "trade.regime.announced")
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    data = {
        "regime_id": regime_id,
        "authority": "MOFCOM",
        "title": "No. 18",
        "origin": "CN",
        "covers": [{"elements": CONTROLLED, "forms": ["magnet", "metal", "oxide", "compound", "alloy", "target"]}],
        "effective_from": time,
        **over,
    }
    return event(kind, data, time=time, **event_over)


def licence(licence_id: str = "L-1", *, kg: str = "1000", time: str = "2025-04-28T00:00:00Z", **over: Any) -> bytes:
    kind = over.pop("kind", "trade.licence.issued")
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    data = {
        "licence_id": licence_id,
        "authority": "MOFCOM",
        "exporter": "X",
        "origin": "CN",
        "destinations": ["DE"],
        "valid_from": "2025-04-28T00:00:00Z",
        "valid_until": "2025-10-28T00:00:00Z",
        "lines": [{"line_no": 1, "covers": {"hs": ["850511"]}, "mass": {"value": kg, "unit": "KGM"}}],
        **over,
    }
    return event(kind, data, time=time, **event_over)


def batch(batch_id: str, *, time: str = "2025-04-28T00:00:00Z", **over: Any) -> bytes:
    data = {"batch_id": batch_id, "authority": "MOFCOM", "title": "First batch", "origin": "CN", **over}
    return event("trade.licence.batch_issued", data, time=time)


def quota(quota_id: str = "Q-1", *, kg: str | None = "1000", time: str = "2025-01-01T00:00:00Z", **over: Any) -> bytes:
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    data = {
        "quota_id": quota_id,
        "authority": "MIIT",
        "title": "Magnets 2025",
        "origin": "CN",
        "covers": [{"hs": ["850511"]}],
        "period_start": "2025-01-01T00:00:00Z",
        "period_end": "2026-01-01T00:00:00Z",
        **({"initial": {"value": kg, "unit": "KGM"}} if kg else {}),
        **over,
    }
    return event("trade.quota.opened", data, time=time, **event_over)


def declared(shipment_id: str, *, kg: str = "100", time: str = "2025-05-02T08:00:00Z", **over: Any) -> bytes:
    commodity = over.pop("commodity", CONTROLLED_MAGNET)
    kind = over.pop("kind", "trade.shipment.declared")
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    line = {"line_no": 1, "commodity": commodity, "net_mass": {"value": kg, "unit": "KGM"}}
    if licence_id := over.pop("licence_id", None):
        line["licence_id"] = licence_id
    data = {
        "shipment_id": shipment_id,
        "exporter": "X",
        "consignee": "C",
        "origin": "CN",
        "destination": "DE",
        "lines": [line],
        **over,
    }
    return event(kind, data, time=time, **event_over)


def milestone(shipment_id: str, step: str, *, time: str = "2025-05-02T18:00:00Z", **over: Any) -> bytes:
    return event(f"trade.shipment.{step}", {"shipment_id": shipment_id}, time=time, **over)


def price(amount: str, *, time: str, **over: Any) -> bytes:
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    data = {
        "price_id": "dy-magnets",
        "commodity": CONTROLLED_MAGNET,
        "price": {"amount": amount, "currency": over.pop("currency", "USD")},
        "per": "KGM",
        **over,
    }
    return event("trade.price.observed", data, time=time, **event_over)


def tick(now: str) -> bytes:
    return event("lanewatch.clock.ticked", {"now": now}, time=now)


def rulebook(version: str, *rules: dict[str, Any], time: str = "2025-04-01T00:00:00Z", **over: Any) -> bytes:
    event_over = {k: over.pop(k) for k in ("id", "source") if k in over}
    data = {
        "version": version,
        "title": "For tests",
        "effective_from": time,
        "rules": list(rules),
        "by": "operator",
        "reason": "for a test",
        **over,
    }
    return event("trade.policy.rolled_out", data, time=time, **event_over)


def rule(id: str, when: str, effect: str = "note", **over: Any) -> dict[str, Any]:
    return {"id": id, "when": when, "effect": effect, "says": f"{id} spoke", **over}
