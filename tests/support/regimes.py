"""Regimes that are files, and what the books say after their events: outcomes, reasons, balances."""

import itertools
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

import services.licensing
from shared.masses import kg
from tests.integration.licensing.conftest import Desk
from tests.support.trade import event

FOLDER = Path(services.licensing.__file__).parent / "regimes"
_numbers = itertools.count(1)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def content(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    return found


def events(name: str, *, after: str = "0001-01-02", until: str = "9999-12-30") -> list[bytes]:
    """Return the file's events, or those of a span: later than `after`, up to and with `until` (days)."""
    start, end = (datetime.fromisoformat(f"{day}T00:00:00+08:00") for day in (after, until))
    return [
        json.dumps(one).encode()
        for one in content(name)["events"]
        if start < datetime.fromisoformat(one["time"]) <= end
    ]


def tonnes(value: str | int) -> dict[str, str]:
    return {"value": str(value), "unit": "TNE"}


def kilos(value: str | int) -> dict[str, str]:
    return {"value": str(value), "unit": "KGM"}


def money(value: str | int, currency: str) -> dict[str, str]:
    return {"amount": str(value), "currency": currency}


def shipment(shipment_id: str, day: str, goods: dict[str, Any], mass: dict[str, str], **over: Any) -> bytes:
    """Return a declaration of one line; `value`, `licences` (a list) and `kind` are the line's or the event's."""
    line: dict[str, Any] = {"line_no": 1, "commodity": goods, "net_mass": mass}
    if value := over.pop("value", None):
        line["value"] = value
    if licences := over.pop("licences", None):
        line |= {"licence_id": licences[0], "other_licence_ids": licences[1:]}
    kind, event_id = over.pop("kind", "trade.shipment.declared"), over.pop("id", f"r{next(_numbers)}")
    data = {"shipment_id": shipment_id, "exporter": "X", "consignee": "C", "lines": [line], **over}
    return event(kind, data, time=day if "T" in day else f"{day}T08:00:00Z", id=event_id)


def permission(licence_id: str, authority: str, line: dict[str, Any], **over: Any) -> bytes:
    """Return a licence of one line, valid in 2025 unless said otherwise."""
    kind = over.pop("event", "trade.licence.issued")
    data = {
        "licence_id": licence_id,
        "authority": authority,
        "exporter": "X",
        "valid_from": "2025-01-01T00:00:00Z",
        "valid_until": "2026-01-01T00:00:00Z",
        "lines": [{"line_no": 1, **line}],
        **over,
    }
    return event(kind, data, time=over.get("valid_from", data["valid_from"]), id=f"r{next(_numbers)}")


def step(kind: str, day: str, **data: Any) -> bytes:
    return event(kind, data, time=day if "T" in day else f"{day}T12:00:00Z", id=f"r{next(_numbers)}")


async def outcome(desk: Desk, shipment_id: str) -> str | None:
    found = await desk.shipment(shipment_id)
    assert found is not None, f"{shipment_id} is not known"
    answer: str | None = found["outcome"]
    return answer


async def reasons(desk: Desk, shipment_id: str) -> list[dict[str, Any]]:
    """Return what the rules said in the latest decision."""
    found: list[dict[str, Any]] = msgspec.json.decode((await desk.shipment(shipment_id))["decisions"][-1]["reasons"])
    return found


async def said(desk: Desk, shipment_id: str, rule: str) -> dict[str, Any]:
    """Return the one reason that a rule gave."""
    found = [reason for reason in await reasons(desk, shipment_id) if reason["rule"] == rule]
    assert len(found) == 1, await reasons(desk, shipment_id)
    return found[0]


async def refusing(desk: Desk, shipment_id: str) -> str:
    """Return the rule that stands first in a denial: what refuses is told before what passed."""
    assert await outcome(desk, shipment_id) == "denied", await reasons(desk, shipment_id)
    rule: str = (await reasons(desk, shipment_id))[0]["rule"]
    return rule


async def balance(desk: Desk, account: str) -> tuple[Decimal | int, ...]:
    """Return what an account of mass was granted, has reserved and has written off, in kilograms."""
    return tuple(kg(amount) for amount in await amounts(desk, account))


async def left(desk: Desk, account: str) -> Decimal:
    granted, reserved, written_off = await amounts(desk, account)
    return kg(max(0, granted - reserved - written_off))


async def amounts(desk: Desk, account: str) -> tuple[int, int, int]:
    """Return the same in the account's own unit: milligrams, ten-thousandths of money, uses."""
    (row,) = await desk.sql(
        "SELECT granted, reserved, written_off FROM licensing.account WHERE account_id = :id", id=account
    )
    return (row.granted, row.reserved, row.written_off)


async def announced(desk: Desk, kind: str) -> list[dict[str, Any]]:
    """Return the data of the alerts of a type, in their order."""
    rows = await desk.sql("SELECT body FROM licensing.outbox ORDER BY number")
    found = [json.loads(bytes(row.body)) for row in rows]
    return [one["data"] for one in found if one["type"] == kind]
