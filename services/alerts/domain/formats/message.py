"""What a message for people says of an alert, before it is laid out for one place or another."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from services.alerts.domain.filters import DIGEST
from shared.events import Severity

Json = dict[str, Any]

TITLES = {
    "state": "Now",
    "previous": "Before",
    "since": "Since",
    "outcome": "Outcome",
    "effect": "Effect",
    "rule": "Rule",
    "shipment_id": "Shipment",
    "licence_id": "Licence",
    "quota_id": "Quota",
    "regime_id": "Regime",
    "left_kg": "Left",
    "granted_kg": "Granted",
    "net_mass_kg": "Net mass",
    "valid_until": "Valid until",
    "effective_from": "From",
    "effective_until": "Until",
    "price": "Price",
    "volatility_percent": "Swings now",
    "usual_percent": "Swings usually",
    "percent_of_usual": "Of what is usual",
    "shipments": "Shipments",
    "days": "Within",
    "source": "Source",
    "last_event_at": "Last heard",
    "longest_gap_hours": "Longest silence before",
    "last_pulse": "Last pulse",
    "remedy": "What helps",
}
"""What is told of an alert, in this order, and what people call it."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_UNITS = {"_kg": " kg", "_percent": " %", "percent_of_usual": " %", "_hours": " hours", "days": " days"}
_TIMES = frozenset({"since", "valid_until", "effective_from", "effective_until", "last_event_at", "last_pulse"})


class Links(NamedTuple):
    """Where more can be read: the API's address as people reach it, empty where none is known, and the delivery."""

    base: str = ""
    delivery_id: str = ""


class Message(NamedTuple):
    """An alert for people; nothing in it is escaped or cut yet."""

    headline: str
    severity: Severity
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    alternatives: tuple[str, ...]
    items: tuple[str, ...]
    """Of a digest: a line for each alert."""
    links: tuple[tuple[str, str], ...]
    about: str
    """Kind and time, and what it takes the place of."""


def message_of(body: bytes, links: Links) -> Message:
    """Return what is to be said of an alert, given its CloudEvent."""
    event: Json = _clean(msgspec.json.decode(body))
    data: Json = event["data"]
    is_digest = event["type"] == DIGEST
    return Message(
        headline=data["headline"],
        severity=data["severity"],
        facts=tuple(_facts(data)),
        reasons=tuple(_reason(reason) for reason in data.get("reasons", ())),
        alternatives=tuple(_alternative(each) for each in data.get("alternatives", ())),
        items=tuple(_item(each["event"]) for each in data["alerts"]) if is_digest else (),
        links=tuple(_links(data, links)),
        about=" · ".join(_about(event, data)),
    )


def _clean(value: Any) -> Any:
    """Return a value whose texts have no control characters, line feeds included."""
    if isinstance(value, str):
        return _CONTROLS.sub(" ", value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return {name: _clean(each) for name, each in value.items()} if isinstance(value, dict) else value


def _facts(data: Json) -> Iterator[tuple[str, str]]:
    for name, title in TITLES.items():
        value = data.get(name)
        if value not in (None, ""):
            yield title, _read(name, value, data)


def _read(name: str, value: Any, data: Json) -> str:
    if name in _TIMES:
        return moment(value)
    if name == "price":
        return f"{value} {data.get('currency', '')} per {data.get('per', '')}"
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return f"{value}{unit}"


def moment(written: str) -> str:
    """Return a time as people read it, to the minute, in UTC."""
    return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _reason(reason: Json) -> str:
    remedy = reason.get("remedy")
    return f"{reason['says']} (what helps: {remedy})" if remedy else str(reason["says"])


def _alternative(other: Json) -> str:
    exporter = f", {other['exporter']}" if other.get("exporter") else ""
    left = f", {other['left_kg']} kg left" if other.get("left_kg") else ""
    return f"{other['origin']} to {other['destination']}{exporter}: flows since {moment(other['since'])}{left}"


def _item(event: Json) -> str:
    data = event["data"]
    return f"{data['headline']} ({data['severity']}, {moment(event['time'])})"


def _links(data: Json, links: Links) -> Iterator[tuple[str, str]]:
    if not links.base:
        return
    if lane := data.get("lane_id"):
        yield "The lane", f"{links.base}/v1/lanes/{quote(lane)}"
    if links.delivery_id:
        yield "This delivery", f"{links.base}/v1/deliveries/{links.delivery_id}"


def _about(event: Json, data: Json) -> Iterator[str]:
    yield event["type"]
    yield moment(event["time"])
    if data.get("supersedes"):
        yield f"takes the place of {data['supersedes']}"
