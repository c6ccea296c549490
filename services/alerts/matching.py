"""Decides for whom new alerts are, and when each is to be told: what the index cannot say is asked here."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.store import matching
from services.alerts.store.intake import Numbered


async def match(connection: AsyncConnection, alerts: Sequence[Numbered]) -> None:
    """Record a delivery for each alert and subscription that it concerns; senders hear of it at the commit.

    It comes last in its transaction, because it takes locks that senders want.
    """
    await matching.deliver(connection, alerts, ())
