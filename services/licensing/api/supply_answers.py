"""What supplies answer: the shapes for the OpenAPI document, and the making of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import Field

from services.licensing.api.answers import Answer
from services.licensing.domain.supplies import Closing, How, Position, Verdict
from services.licensing.store.reads import Item
from services.licensing.store.supplies import Registered
from shared.cloudevents import encode_sorted
from shared.events import FlowState
from shared.masses import kg


class MassAnswer(Answer):
    """An exact mass."""

    value: str
    unit: str = "KGM"


class SupplyTerms(Answer):
    """What a buyer has of some goods, uses each day and must wait for when he orders, and the lane that it comes by."""

    title: str = ""
    commodity_group: str
    origin: str
    destination: str
    stock: MassAnswer
    as_of: datetime
    daily_use: MassAnswer
    lead_time_days: int
    safety_days: int = 0
    licences: list[str] = Field(default_factory=list)


class LaneNow(Answer):
    """The lane's flow state; null: nothing was ever seen on it."""

    lane_id: str
    state: FlowState | None
    since: datetime | None
    says: str


class Closes(Answer):
    """What closes the lane, and how: it `ends`, `runs_out` (once in ten times before), or is `shut` already."""

    what: str
    at: datetime
    how: How


class SupplyAnswer(Answer):
    """A registered supply: how long it lasts, by when to order, and whether the lane stays open until then."""

    supply_id: str
    terms: SupplyTerms
    changed_at: datetime
    as_of: datetime
    verdict: Verdict
    says: str
    left_kg: str
    days_of_supply: float
    lasts_until: datetime
    order_by: datetime
    lane: LaneNow
    closes: Closes | None
    closings: list[Closes]
    not_of_the_lane: list[str]


class SupplyPage(Answer):
    """Supplies by id; `next` is the cursor of the next page."""

    items: list[SupplyAnswer]
    next: str | None


def supply_answer(
    found: Registered,
    now: datetime,
    lane: Item | None,
    position: Position,
    closings: Sequence[Closing],
    stray: list[str],
) -> dict[str, Any]:
    """Return the answer for a supply; `stray` are the licences named that do not open its lane."""
    reasons = msgspec.json.decode(lane["reasons"]) if lane else []
    return {
        "supply_id": found.supply_id,
        "terms": msgspec.Raw(encode_sorted(found.supply)),
        "changed_at": found.changed_at,
        "as_of": now,
        "verdict": position.verdict,
        "says": position.says,
        "left_kg": str(kg(position.left_mg)),
        "days_of_supply": position.days_of_supply,
        "lasts_until": _second(position.lasts_until),
        "order_by": _second(position.order_by),
        "lane": {
            "lane_id": found.supply.lane_id,
            "state": lane["state"] if lane else None,
            "since": lane["since"] if lane else None,
            "says": reasons[0]["says"] if reasons else "nothing was seen on this lane yet" if lane is None else "",
        },
        "closes": _closes(position.closes) if position.closes else None,
        "closings": [_closes(closing) for closing in closings],
        "not_of_the_lane": stray,
    }


def _closes(closing: Closing) -> dict[str, Any]:
    return {**closing._asdict(), "at": _second(closing.at)}


def _second(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)
