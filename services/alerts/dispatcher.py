"""Sends what is due: claims endpoints, keeps requests under way to each, records answers in groups.

Two loops share the endpoints in hand. One claims and sends, woken by whoever records new deliveries;
the other stores outcomes, all that have come in since its last transaction, and gives idle endpoints
back. Requests run beside them, so that none waits for another endpoint's.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.share import Share
from services.alerts.hand import Hand, Policies
from services.alerts.hands import Hands
from services.alerts.metrics import note_attempt
from services.alerts.sender import Sender
from services.alerts.store import claims, outcomes
from services.alerts.store.claims import Due, Times
from services.alerts.store.outcomes import Outcome
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

RECORD_AT_ONCE = 500
BACKOFF_S = 0.25
STUCK_AFTER_S = 30.0
LONGEST_PAUSE_S = 0.5
"""For longer an endpoint is not kept in hand with nothing under way."""


@dataclass(frozen=True)
class Limits:
    """How much one process takes in hand, and its times in seconds."""

    recovered: int = 8
    """Requests under way for recovered deliveries, to all endpoints together."""
    endpoints: int = 400
    window: int = 64
    lease_s: float = 10.0
    poll_s: float = 0.5
    nudge_after_s: float = 300.0
    stop_grace_s: float = 8.0


class Dispatcher:
    """Delivers for as long as `run` runs; any number of processes may do so at once, each as another `instance`."""

    def __init__(self, engine: AsyncEngine, sender: Sender, policies: Policies, limits: Limits, instance: str) -> None:
        self.engine = engine
        self.sender = sender
        self.policies = policies
        self.limits = limits
        self.instance = instance
        self.waiting_for: str | None = None
        self._worker: UUID | None = None
        self._alive_until = 0.0
        """By the monotonic clock; later than that, others may have taken over what is in hand."""
        self._share = Share(limits.recovered)
        self._hands = Hands(self._share)
        self._answers: deque[tuple[Hand, Due, Outcome]] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._has_answers = asyncio.Event()
        self._recorded = asyncio.Event()
        self._settling = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._progress_at = {"claim": time.monotonic(), "record": time.monotonic()}

    def wake(self) -> None:
        """Look for due deliveries now."""
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more, let requests under way end within the grace, then end `run`."""
        self._stopping.set()
        self._wake.set()

    async def check_live(self) -> str | None:
        """Return a reason when a loop stands still though the database is there."""
        idle_s = {name: time.monotonic() - at for name, at in self._progress_at.items()}
        if self.waiting_for:
            return None
        stuck = [f"{name} for {s:.0f} s" for name, s in idle_s.items() if s > STUCK_AFTER_S]
        return f"no progress: {', '.join(stuck)}" if stuck else None

    async def check_ready(self) -> str | None:
        """Return why nothing can be sent now, if so."""
        return self.waiting_for or (None if self._worker else "not enrolled yet")

    async def run(self) -> None:
        """Deliver until `stop`, then hand back what is left."""
        self._hands.forget()
        self._answers.clear()
        self._worker = None
        loops = (self._beat_loop, self._claim_loop, self._record_loop)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(loop()) for loop in loops]
                await self._stopping.wait()
                await self._drain()
                for task in tasks:
                    task.cancel()
        finally:
            for request in self._sending:
                request.cancel()

    # --- loops -----------------------------------------------------------------------------

    async def _attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do a piece of a loop's work; False, after a pause, when the database is away."""
        try:
            await work()
        except RetryableError as error:
            self.waiting_for = str(error)
            log.warning("delivery waits for the database", loop=name, reason=str(error))
            await asyncio.sleep(BACKOFF_S)
            return False
        self.waiting_for = None
        self._progress_at[name] = time.monotonic()
        return True

    async def _beat_loop(self) -> None:
        while True:
            if await self._attempt("beat", self._beat):
                await asyncio.sleep(self.limits.lease_s / 3)

    async def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if not await self._attempt("claim", self._claim):
                self._wake.set()
            await wait(self._wake, self.limits.poll_s)

    async def _record_loop(self) -> None:
        while True:
            if not self._answers and not any(h.is_empty for h in self._hands.values()):
                await wait(self._has_answers, self.limits.poll_s)
            self._has_answers.clear()
            await self._attempt("record", self._record)

    # --- work ------------------------------------------------------------------------------

    async def _beat(self) -> None:
        if self._stopping.is_set():
            return
        worker = self._worker or uuid4()
        alive_until = time.monotonic() + self.limits.lease_s
        async with transaction(self.engine) as connection:
            if self._worker is None:
                await claims.enrol(connection, worker, self.instance, self.limits.lease_s)
                is_alive = True
            else:
                is_alive = await claims.beat(connection, worker, self.limits.lease_s)
            await claims.sweep(connection)
        if is_alive:
            self._worker, self._alive_until = worker, alive_until
            for hand in self._hands.values():
                self._send_ready(hand)
        else:
            log.warning("claims were lost: this process was silent for too long")
            self._worker = None
            self._hands.forget()
        self.wake()

    async def _claim(self) -> None:
        # An endpoint is never claimed for and recorded for at once: what is in hand would be out of date.
        async with self._settling:
            worker = self._worker
            room = self._hands.room(self.limits.endpoints, self.limits.window)
            own = self._hands.thirsty(self.limits.window // 2)
            if self._stopping.is_set() or worker is None or not (room.healthy or room.failing or own):
                return
            async with transaction(self.engine) as connection:
                claim = await claims.claim(
                    connection,
                    worker,
                    room,
                    thirsty=[*own],
                    in_hand=self._hands.deliveries,
                    times=Times(self.limits.nudge_after_s, self.policies.retry.order_hold_s),
                )
            if worker == self._worker:
                # One that an answer closed meanwhile takes nothing more: what was found for it stays due.
                closed = {subscription_id for subscription_id, hand in own.items() if hand.is_closing}
                self._take_in(claim.without(closed), worker)
        if claim.endpoints:
            self.wake()

    def _take_in(self, claim: claims.Claim, worker: UUID) -> None:
        for hand in self._hands.take_in(claim, worker, self.policies):
            self._send_ready(hand)
            if hand.is_empty:
                self._has_answers.set()

    def _send_ready(self, hand: Hand) -> None:
        # A process that slept through its lease must not go on with what it had in hand.
        if self._stopping.is_set() or time.monotonic() > self._alive_until:
            return
        now = datetime.now(UTC)
        for due in hand.take(now):
            task = asyncio.create_task(self._send(hand, due))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        if hand.window.is_short:
            self._share.wait(hand.endpoint.subscription_id)
        self._keep_pace(hand, now)

    def _keep_pace(self, hand: Hand, now: datetime) -> None:
        """Come back when an endpoint may be sent the next; give it back when that takes long."""
        wait_s = hand.pace.wait_s(now)
        if wait_s == 0 or hand.is_closing or hand.is_paused or not hand.window.has_ready:
            return
        if wait_s > LONGEST_PAUSE_S and hand.window.in_flight == 0:
            hand.close()
            self._has_answers.set()
            return
        hand.is_paused = True
        asyncio.get_running_loop().call_later(wait_s, self._go_on, hand)

    def _go_on(self, hand: Hand) -> None:
        hand.is_paused = False
        self._send_ready(hand)

    async def _send(self, hand: Hand, due: Due) -> None:
        attempt = await self.sender.send(hand.endpoint, due)
        outcome = hand.judge(due, attempt, datetime.now(UTC), random.random())  # noqa: S311 - jitter, not a secret
        note_attempt(outcome, due)
        self._answers.append((hand, due, outcome))
        self._has_answers.set()
        self._send_ready(hand)
        while (waiting := self._share.next()) is not None:
            if waiting in self._hands:
                self._send_ready(self._hands[waiting])

    async def _record(self) -> None:
        """Store what has come in, oldest first; it stays in hand until that is committed."""
        async with self._settling:
            batch = list(islice(self._answers, RECORD_AT_ONCE))
            for hand, _, _ in batch:
                hand.is_recording = True
            idle = self._hands.idle(batch)
        if not batch and not idle:
            return
        by_worker: dict[UUID, list[Outcome]] = {hand.worker: [] for hand in idle}
        for hand, _, outcome in batch:
            by_worker.setdefault(hand.worker, []).append(outcome)
        async with transaction(self.engine) as connection:
            for worker, its in by_worker.items():
                released = [h.endpoint.subscription_id for h in idle if h.worker == worker]
                await outcomes.record(connection, worker, its, released, nudge_after_s=self.limits.nudge_after_s)
        self._let_go(batch, idle)
        self._recorded.set()
        # Before the next record, so that a busy endpoint's window is filled again.
        await self._claim()

    def _let_go(self, batch: list[tuple[Hand, Due, Outcome]], idle: list[Hand]) -> None:
        for hand, due, outcome in batch:
            self._answers.popleft()
            hand.recorded(due, outcome)
            hand.is_recording = False
        self._hands.let_go(idle)
        now = datetime.now(UTC)
        for hand in idle:
            if 0 < (wait_s := hand.pace.wait_s(now)) < self.limits.poll_s:
                asyncio.get_running_loop().call_later(wait_s, self.wake)
        for hand, _, _ in batch:
            self._send_ready(hand)

    async def _drain(self) -> None:
        """Wait for requests under way, record their answers, give everything back."""
        for hand in self._hands.values():
            hand.close()
        if self._sending:
            await asyncio.wait(self._sending, timeout=self.limits.stop_grace_s)
        try:
            async with asyncio.timeout(self.limits.stop_grace_s):
                while self._answers:
                    self._recorded.clear()
                    await self._recorded.wait()
                async with self._settling, transaction(self.engine) as connection:
                    if self._worker is not None:
                        await claims.leave(connection, self._worker)
        except (RetryableError, TimeoutError):
            log.warning("stopped without the database; claims come back after the lease")
