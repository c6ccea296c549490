"""Which endpoints have answered the handshake."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.handshake import AWAITED
from services.alerts.store import changes

_ASK = text("""
UPDATE alerts.subscription SET verification_asked_at = clock_timestamp()
WHERE subscription_id = :id
    AND (verification_asked_at IS NULL OR verification_asked_at <= clock_timestamp() - CAST(:apart AS interval))""")
_PASS = text("""
UPDATE alerts.subscription SET verified_at = clock_timestamp(), version = version + 1
WHERE subscription_id = :id AND url = :url""")
_AWAITS = text("""
UPDATE alerts.subscription SET state = 'active', state_reason = NULL
WHERE subscription_id = :id AND state = 'paused' AND state_reason = :awaited""")


async def may_ask(connection: AsyncConnection, subscription_id: UUID, apart: timedelta) -> bool:
    """Return whether the endpoint may be asked now, and count it; False when it was asked less than `apart` ago."""
    return (await connection.execute(_ASK, {"id": subscription_id, "apart": apart})).rowcount == 1


async def note_passed(connection: AsyncConnection, subscription_id: UUID, url: str) -> bool:
    """Note that this URL has answered, and begin what waited for it; False when there is another by now."""
    if not await changes.lock(connection, subscription_id):
        return False
    if (await connection.execute(_PASS, {"id": subscription_id, "url": url})).rowcount == 0:
        return False
    if (await connection.execute(_AWAITS, {"id": subscription_id, "awaited": AWAITED})).rowcount:
        await changes.begin(connection, subscription_id)
    return True
