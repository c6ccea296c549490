"""Tells tenants how their endpoints fare: one process at a time, in order, each notice once."""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.notices import About, Notice, alert_of, lane_of
from services.alerts.store import intake, notices
from services.alerts.store.intake import NewAlert
from services.alerts.store.notices import Untold
from shared import cloudevents
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

NOTICES = Counter("lanewatch_alerts_endpoint_notices_total", "Changes of endpoints that were told", ["step"])
AT_ONCE = 50
POLL_S = 5.0
BACKOFF_S = 0.5


class Notifier:
    """Turns notices into alerts; `on_committed` is called when there may be something to send."""

    def __init__(self, engine: AsyncEngine, on_committed: Callable[[], None]) -> None:
        self.engine = engine
        self.on_committed = on_committed
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for notices now."""
        self._wake.set()

    async def run(self) -> None:
        """Tell until cancelled; what could not be told is told later."""
        while True:
            self._wake.clear()
            try:
                count = await self.tell()
            except RetryableError as error:
                log.warning("notices of endpoints wait", reason=str(error))
                await asyncio.sleep(BACKOFF_S)
                continue
            if count < AT_ONCE:
                await wait(self._wake, POLL_S)

    async def tell(self) -> int:
        """Tell what there is, up to a bound, and return how much that was. Raises RetryableError."""
        async with transaction(self.engine) as connection:
            # Before any other lock, in the order in which batches of alerts take them.
            await intake.share_subscriptions(connection)
            found = await notices.untold(connection, AT_ONCE)
            told = [(untold, _alert(untold)) for untold in found]
            await notices.lock_told(connection, found, {alert.kind for _, alert in told})
            for untold, alert in told:
                await notices.tell(connection, untold, alert)
            await notices.settle(connection, found)
        for untold in found:
            NOTICES.labels(untold.step).inc()
            log.warning("endpoint noticed", step=untold.step, id=str(untold.subscription_id), error=untold.last_error)
        if found:
            self.on_committed()
        return len(found)


def _alert(untold: Untold) -> NewAlert:
    notice = Notice(untold.step, untold.since, untold.last_error)
    about = About(untold.subscription_id, untold.name, untold.waiting)
    event = alert_of(notice, untold.notice_no, about, untold.happened_at)
    body, data = cloudevents.write(event), event.data
    lane = lane_of(untold.subscription_id)
    return NewAlert(
        event.source, event.id, event.type, data.severity, lane, event.time, body, data.scope, tenant=untold.tenant
    )
