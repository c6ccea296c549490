"""The latest pulse, in one row that whoever judges it locks."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.pulse import Pulse


async def note(connection: AsyncConnection, clock: datetime) -> None:
    """Take note of a pulse; an older one than is known changes nothing."""
    await connection.execute(text("UPDATE alerts.pulse SET clock = :clock WHERE clock < :clock"), {"clock": clock})


async def lock(connection: AsyncConnection) -> Pulse:
    """Return the latest pulse; no other process judges it until the transaction ends."""
    row = (await connection.execute(text("SELECT clock, is_stuck FROM alerts.pulse FOR UPDATE"))).one()
    return Pulse(row.clock, row.is_stuck)


async def tell(connection: AsyncConnection, *, is_stuck: bool) -> None:
    """Note what was told last."""
    await connection.execute(text("UPDATE alerts.pulse SET is_stuck = :is_stuck"), {"is_stuck": is_stuck})
