"""What buyers have registered of their stock, and what keeps the lanes open that it comes by."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.supplies import Supply
from services.licensing.store.reads import Item, one
from shared.cloudevents import encode_sorted

_PUT = text("""
    INSERT INTO licensing.supply AS s (supply_id, terms) VALUES (:id, :terms)
    ON CONFLICT (supply_id) DO UPDATE SET terms = excluded.terms, changed_at = now() RETURNING s.xmax = 0 AS is_new
""")
_SELECT = "SELECT supply_id, terms, changed_at FROM licensing.supply"


class Registered(NamedTuple):
    """A supply, and when it was registered or changed last."""

    supply_id: str
    supply: Supply
    changed_at: datetime


async def put(c: AsyncConnection, supply_id: str, supply: Supply) -> bool:
    """Register a supply or change it; return whether it is new."""
    terms = encode_sorted(supply).decode()
    return bool((await c.execute(_PUT, {"id": supply_id, "terms": terms})).scalar_one())


async def supply(c: AsyncConnection, supply_id: str) -> Registered | None:
    """Return a supply."""
    row = (await c.execute(text(f"{_SELECT} WHERE supply_id = :id"), {"id": supply_id})).first()
    return _registered(row) if row else None


async def supplies(c: AsyncConnection, limit: int, after: str) -> list[Registered]:
    """Return supplies by id."""
    asked = {"after": after, "n": limit}
    rows = await c.execute(text(f"{_SELECT} WHERE supply_id > :after ORDER BY supply_id LIMIT :n"), asked)
    return [_registered(row) for row in rows]


async def remove(c: AsyncConnection, supply_id: str) -> bool:
    """Forget a supply; return whether there was one."""
    found = await c.execute(text("DELETE FROM licensing.supply WHERE supply_id = :id RETURNING 1"), {"id": supply_id})
    return found.first() is not None


async def lane(c: AsyncConnection, lane_id: str) -> Item | None:
    """Return a lane's state, since when and why."""
    return await one(c, "SELECT lane_id, state, since, reasons FROM licensing.lane WHERE lane_id = :id", id=lane_id)


def _registered(row: Row[Any]) -> Registered:
    return Registered(row.supply_id, msgspec.json.decode(row.terms, type=Supply), row.changed_at)
