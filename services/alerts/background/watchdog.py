"""Notices that nothing comes through any more, which what is stuck cannot tell, and that it does again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.domain.pulse import judge, notice
from services.alerts.matching import match
from services.alerts.store import intake, pulse
from services.alerts.store.intake import NewAlert
from shared import cloudevents
from shared.cloudevents import Event
from shared.database import transaction
from shared.errors import RetryableError
from shared.events import PipelineNoticed

log = structlog.get_logger(__name__)

AGE = Gauge("lanewatch_alerts_pulse_age_seconds", "How long ago the latest tick that came through was due")
MOST_S = 5.0
"""So often it looks at least."""


class Watchdog:
    """Looks at the latest pulse; `on_committed` is called when there may be something to send."""

    def __init__(self, engine: AsyncEngine, stuck_after: timedelta, on_committed: Callable[[], None]) -> None:
        self.engine = engine
        self.stuck_after = stuck_after
        self.on_committed = on_committed
        self.started_at = datetime.now(UTC)

    async def run(self) -> None:
        """Look until cancelled; while the database is away nothing can be told."""
        while True:
            try:
                await self.look()
            except RetryableError as error:
                log.warning("the pulse cannot be looked at", error=str(error))
            await asyncio.sleep(min(MOST_S, self.stuck_after.total_seconds() / 4))

    async def look(self) -> None:
        """Tell once that nothing comes through, or that it does again. Raises RetryableError."""
        now = datetime.now(UTC)
        async with transaction(self.engine) as connection:
            # Before the pulse's lock, in the order in which batches of alerts take the two.
            await intake.share_subscriptions(connection)
            latest = await pulse.lock(connection)
            step = judge(latest, now, self.started_at, self.stuck_after)
            if step is not None:
                await _record(connection, notice(step, latest.clock, now))
                await pulse.tell(connection, is_stuck=step == "stuck")
        AGE.set(max(0.0, (now - latest.clock).total_seconds()))
        if step is not None:
            log.warning("the pipeline is stuck" if step == "stuck" else "the pipeline works again", pulse=latest.clock)
            self.on_committed()


async def _record(connection: AsyncConnection, event: Event[PipelineNoticed]) -> None:
    body, data = cloudevents.write(event), event.data
    alert = NewAlert(event.source, event.id, event.type, data.severity, "pipeline", event.time, body, data.scope)
    for number in (await intake.insert_alerts(connection, [alert])).values():
        await match(connection, [(number, alert)])
