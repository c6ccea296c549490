"""Stores how attempts ended: the many that are plain by one call, the others in a transaction with all that follows."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.delivery.hand import Hand
from services.alerts.store import accepted, outcomes
from services.alerts.store.direct import direct
from services.alerts.store.outcomes import Outcome, Release
from shared.database import transaction


class Recorder:
    """Stores outcomes, and gives endpoints back."""

    def __init__(self, engine: AsyncEngine, nudge_after_s: float) -> None:
        self.engine = engine
        self.nudge_after_s = nudge_after_s
        self.is_at_it = False

    async def record(self, answers: Sequence[tuple[Hand, Outcome]], idle: Sequence[Hand]) -> bool:
        """Store answers, and give idle endpoints back; return whether that may have made something due.

        Raises RetryableError. What was stored then is known when it comes again.
        """
        by_worker: dict[UUID, tuple[list[Outcome], list[Release]]] = {}
        for hand, outcome in answers:
            by_worker.setdefault(hand.worker, ([], []))[0].append(outcome)
        for hand in idle:
            release = Release(hand.endpoint.subscription_id, hand.last_known, hand.is_plain)
            by_worker.setdefault(hand.worker, ([], []))[1].append(release)
        is_all_plain, self.is_at_it = True, True
        try:
            for worker, (its, releases) in by_worker.items():
                is_all_plain &= await self._record(worker, its, releases)
        finally:
            self.is_at_it = False
        return not is_all_plain

    async def _record(self, worker: UUID, its: Sequence[Outcome], releases: Sequence[Release]) -> bool:
        found = accepted.plain(its, releases)
        if found.outcomes or found.releases:
            async with direct(self.engine) as connection:
                if await accepted.record(connection, worker, found.outcomes, found.releases):
                    its, releases = found.other_outcomes, found.other_releases
        if not its and not releases:
            return True
        async with transaction(self.engine) as connection:
            await outcomes.record(connection, worker, its, releases, nudge_after_s=self.nudge_after_s)
        return False
