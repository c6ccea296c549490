"""Sends what is due: keeps requests under way to each endpoint in hand, records answers in groups.

What this process records it is handed with the commit. For all else two loops share the endpoints in hand: one claims
and sends, woken by whoever records new deliveries; the other stores outcomes, all that have come in since its last
transaction, and gives idle endpoints back. Requests run beside them, so that none waits for another endpoint's.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.delivery.hand import Hand, Policies
from services.alerts.delivery.hands import Hands
from services.alerts.delivery.limits import Limits
from services.alerts.delivery.progress import Progress
from services.alerts.delivery.recording import Recorder
from services.alerts.delivery.sender import Sender, broken
from services.alerts.domain.doubts import Doubts
from services.alerts.domain.share import Share
from services.alerts.metrics import note_attempt
from services.alerts.store import claims, workers
from services.alerts.store.claims import Due, Times
from services.alerts.store.handover import Handed, Offer
from services.alerts.store.outcomes import GONE, Outcome
from shared.database import transaction
from shared.errors import RetryableError
from shared.waiting import wait

log = structlog.get_logger(__name__)

RECORD_AT_ONCE = 500
LONGEST_PAUSE_S = 0.5
"""For longer an endpoint is not kept in hand with nothing under way."""


class Dispatcher:
    """Delivers for as long as `run` runs; any number of processes may do so at once, each as another `instance`."""

    def __init__(self, engine: AsyncEngine, sender: Sender, policies: Policies, limits: Limits, instance: str) -> None:
        self.engine = engine
        self.sender = sender
        self.policies = policies
        self.limits = limits
        self.instance = instance
        self._worker: UUID | None = None
        self._alive_until = 0.0
        """By the monotonic clock; later than that, others may have taken over what is in hand."""
        self._share = Share(limits.recovered)
        self._hands = Hands(self._share, limits.linger_s)
        self._recorder = Recorder(engine, limits.nudge_after_s)
        self._answers: deque[tuple[Hand, Due, Outcome]] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._has_answers = asyncio.Event()
        self._recorded = asyncio.Event()
        self._settling = asyncio.Lock()
        self._looks_again = False
        """Whether a claim may have left something that can be claimed after the next record."""
        self._doubts = Doubts()
        self._stopping = asyncio.Event()
        self._progress = Progress(("claim", "record"))

    def wake(self) -> None:
        """Look for due deliveries now."""
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more, let requests under way end within the grace, then end `run`."""
        self._stopping.set()
        self._wake.set()

    async def check_live(self) -> str | None:
        """Return a reason when a loop stands still though the database is there."""
        return self._progress.why_stuck()

    async def check_ready(self) -> str | None:
        """Return why nothing can be sent now, if so."""
        return self._progress.waiting_for or (None if self._worker else "not enrolled yet")

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

    # --- what is handed over ----------------------------------------------------------------

    def offer(self) -> Offer | None:
        """Return what can be taken from whoever records deliveries."""
        now = time.monotonic()
        if self._stopping.is_set() or self._worker is None or now > self._alive_until or self._doubts.are_open(now):
            return None
        return self._hands.offer(self._worker, self.limits.endpoints, self.limits.window)

    def take(self, offer: Offer, handed: Sequence[Handed]) -> None:
        """Send what was handed over in a transaction that is committed."""
        if offer.worker != self._worker:
            return  # its claims are freed, and with them this
        # One that is being looked at again may be freed just now, since it was not in hand when that began.
        doubtful = {i for each in handed if self._doubts.cover(i := each.endpoint.subscription_id)}
        certain = [each for each in handed if each.endpoint.subscription_id not in doubtful]
        hands, unsure = self._hands.take_over(certain, offer, self.policies)
        for hand in hands:
            self._send_ready(hand)
        if doubtful := doubtful | unsure:
            self._doubts.of(doubtful)
            self.wake()

    def doubt(self) -> None:
        """Look for what was handed over in a transaction of which is not known whether it is, or will be, committed."""
        self._doubts.of_all(time.monotonic())
        self.wake()

    def heard_of(self, subscription: str) -> None:
        """Heed that a subscription has changed, whose id is told; any may have where none is."""
        self.reconsider(UUID(subscription) if subscription else None)

    def reconsider(self, subscription_id: UUID | None) -> None:
        """Claim anew what is in hand for a subscription, which has changed; for all of them when none is named.

        What is under way ends; nothing else goes out as it was.
        """
        if found := self._hands.outdate(subscription_id, time.monotonic()):
            self._doubts.of(found)
            self.wake()

    # --- loops -----------------------------------------------------------------------------

    async def _beat_loop(self) -> None:
        while True:
            if await self._progress.attempt("beat", self._beat):
                await asyncio.sleep(self.limits.lease_s / 3)

    async def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if not await self._progress.attempt("claim", self._claim):
                self._wake.set()
            await wait(self._wake, self.limits.poll_s)

    async def _record_loop(self) -> None:
        while True:
            if not self._answers and not self._hands.has_idle:
                await wait(self._has_answers, self.limits.poll_s)
            self._has_answers.clear()
            await self._progress.attempt("record", self._record)

    # --- work ------------------------------------------------------------------------------

    async def _beat(self) -> None:
        if self._stopping.is_set():
            return
        worker = self._worker or uuid4()
        alive_until = time.monotonic() + self.limits.lease_s
        async with transaction(self.engine) as connection:
            if self._worker is None:
                await workers.enrol(connection, worker, self.instance, self.limits.lease_s)
                is_alive = True
            else:
                is_alive = await workers.beat(connection, worker, self.limits.lease_s)
            await workers.sweep(connection)
        if is_alive:
            self._worker, self._alive_until = worker, alive_until
            self._doubts.go_on(time.monotonic(), self.limits.lease_s)
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
            window = self._hands.window(self.limits.window)
            room = self._hands.room(self.limits.endpoints, window)
            own = self._hands.thirsty(window // 2)
            doubt = self._doubts.begin()
            as_of = time.monotonic()
            is_any = room.healthy or room.failing or own or doubt
            if self._stopping.is_set() or worker is None or not is_any:
                return
            # Those that are recorded for or have much are looked at when that is over.
            self._looks_again = self._recorder.is_at_it or len(own) < len(self._hands)
            async with transaction(self.engine) as connection:
                if doubt:
                    await claims.doubt(connection, worker, doubt, self._hands.keys())
                claim = await claims.claim(
                    connection,
                    worker,
                    room,
                    thirsty=[*own],
                    in_hand=self._hands.deliveries,
                    times=Times(self.limits.nudge_after_s, self.policies.retry.order_hold_s),
                )
            self._doubts.settled()
            self._looks_again |= claim.is_more
            if worker == self._worker:
                # One that an answer closed meanwhile takes nothing more: what was found for it stays due.
                closed = {subscription_id for subscription_id, hand in own.items() if hand.is_closing}
                self._take_in(claim.without(closed), worker, as_of)
        ids = {endpoint.subscription_id for endpoint in claim.endpoints}
        if not ids <= own.keys() or (claim.is_more and ids & self._hands.thirsty(window // 2).keys()):
            self.wake()

    def _take_in(self, claim: claims.Claim, worker: UUID, as_of: float) -> None:
        hands, changed = self._hands.take_in(claim, worker, self.policies, as_of)
        if changed:
            self._doubts.of(changed)
            self.wake()
        for hand in hands:
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
        chance = random.random()  # noqa: S311 - jitter, not a secret
        try:
            attempt = await self.sender.send(hand.endpoint, due)
            outcome = hand.judge(due, attempt, datetime.now(UTC), chance)
        except Exception:
            # Whatever an endpoint found to trip over: the delivery is tried again, and its lane and places go on.
            log.exception("an attempt failed in an unforeseen way", delivery_id=str(due.delivery_id))
            attempt = broken(hand.endpoint, due)
            outcome = hand.judge(due, attempt, datetime.now(UTC), chance)
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
        is_more = await self._recorder.record([(hand, outcome) for hand, _, outcome in batch], idle)
        self._let_go(batch, idle)
        self._recorded.set()
        # Before the next record, so that a busy endpoint's window is filled again.
        is_any = idle or self._hands.thirsty(self._hands.window(self.limits.window) // 2)
        if is_more or (self._looks_again and is_any):
            await self._claim()

    def _let_go(self, batch: list[tuple[Hand, Due, Outcome]], idle: list[Hand]) -> None:
        for hand, due, outcome in batch:
            self._answers.popleft()
            hand.recorded(due, outcome)
            hand.is_recording = False
            if outcome.result == GONE and not hand.is_closing:
                self.reconsider(due.subscription_id)  # it was sent to where the subscription led before
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
                        await workers.leave(connection, self._worker)
        except (RetryableError, TimeoutError):
            log.warning("stopped without the database; claims come back after the lease")
