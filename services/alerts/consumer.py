"""What the service does with a batch of alerts: one transaction from offsets to deliveries."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog
from prometheus_client import Counter as Metric
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.matching import match
from services.alerts.store import intake, pulse, taking
from services.alerts.store.direct import direct
from services.alerts.store.handover import Handed, Offer
from services.alerts.store.intake import DeadLetter, LaneRow, Name, NewAlert
from services.alerts.store.matching import Recorded
from shared.cloudevents import Event, encode_sorted, read_alert
from shared.consumption import Advance, Record
from shared.database import transaction
from shared.errors import PermanentError, RetryableError
from shared.events import LaneChanged, PipelinePulse

log = structlog.get_logger(__name__)

TAKEN = Metric("lanewatch_alerts_taken_total", "Records of the decisions topic by what became of them", ["outcome"])
ACCEPTED_AT = "accepted-at"
"""The header with Kafka's own time of the record that caused an alert, in milliseconds since the epoch."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONG_WAY = 20
CONFLICT = "another alert with the same source and id but a different content was recorded before"


@dataclass
class Batch:
    """What a batch of records holds."""

    alerts: dict[Name, NewAlert] = field(default_factory=dict)
    lanes: list[LaneRow] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    records: dict[Name, Record] = field(default_factory=dict)
    duplicates: Counter[int] = field(default_factory=Counter)
    """By partition."""
    pulses: int = 0
    pulse: datetime | None = None
    """The latest of them."""

    @property
    def is_plain(self) -> bool:
        """Whether it holds alerts and nothing else."""
        return bool(self.alerts) and not self.dead and not self.duplicates and self.pulse is None


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two JSON texts say the same; the order of members and blanks do not count."""
    return one == other or msgspec.json.decode(one) == msgspec.json.decode(other)


def dead_letter(record: Record, error: Exception) -> DeadLetter:
    """Return a record and what is wrong with it."""
    reason = error.reason if isinstance(error, PermanentError) else f"{type(error).__name__}: {error}"
    pointer = error.pointer if isinstance(error, PermanentError) else None
    # PostgreSQL's text holds no NUL.
    reason = reason.replace("\0", "\\0")[:2000]
    return DeadLetter(record.partition, record.offset, record.key, record.value, reason, pointer)


def lane_of(event: Event[Any], record: Record) -> str | None:
    """Return the lane in whose order an alert is: its own, else what licensing keyed it by."""
    if isinstance(event.data, LaneChanged):
        return event.data.lane_id
    if event.partitionkey:
        return event.partitionkey
    return record.key.decode(errors="replace") if record.key else None


def accepted_at(record: Record) -> datetime | None:
    """Return when what caused an alert was on record with the ingest, as the record's headers say."""
    for name, value in record.headers:
        if name == ACCEPTED_AT and value.isdigit():
            return _moment(int(value))
    return None


def _moment(since_epoch_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=since_epoch_ms)


def lane_row(event: Event[LaneChanged]) -> LaneRow:
    """Return a lane's state after a change."""
    change, scope = event.data, event.data.scope
    return LaneRow(
        change.lane_id,
        ",".join(scope.commodity_groups),
        scope.origin,
        ",".join(scope.destinations),
        scope.exporter,
        change.state,
        change.previous,
        change.since,
        change.sequence,
        change.severity,
        change.headline,
        encode_sorted(change.reasons).decode(),
        event.source,
        event.id,
    )


def read_batch(records: Sequence[Record]) -> Batch:
    """Return the alerts of the records; what is not an alert goes to the dead letters."""
    batch = Batch()
    for record in records:
        try:
            _read(record, batch)
        except PermanentError as error:
            batch.dead.append(dead_letter(record, error))
    return batch


def _read(record: Record, batch: Batch) -> None:
    if record.value is None:
        raise PermanentError("the record has no value")
    event = read_alert(record.value)
    if isinstance(event.data, PipelinePulse):
        batch.pulses += 1
        batch.pulse = max(event.data.clock, batch.pulse or event.data.clock)
        return
    name = (event.source, event.id)
    if name in batch.alerts:
        _compare(record, batch.alerts[name].body, batch)
        return
    batch.alerts[name] = NewAlert(
        *name,
        event.type,
        event.data.severity,
        lane_of(event, record),
        event.time,
        record.value,
        event.data.scope,
        accepted_at(record),
        _moment(record.timestamp),
    )
    batch.records[name] = record
    if isinstance(event.data, LaneChanged):
        batch.lanes.append(lane_row(event))


def _compare(record: Record, recorded: bytes, batch: Batch) -> None:
    if is_same(recorded, record.value or b""):
        batch.duplicates[record.partition] += 1
    else:
        batch.dead.append(dead_letter(record, PermanentError(CONFLICT, pointer="/id")))


class Taker(Protocol):
    """Sends what is handed over when it is recorded, so that it need not be looked for."""

    def offer(self) -> Offer | None:
        """Return what it can take; None where it takes nothing."""

    def take(self, offer: Offer, handed: Sequence[Handed]) -> None:
        """Send what was handed over in a transaction that is committed."""

    def doubt(self) -> None:
        """Look for what was handed over in a transaction of which is not known whether it is, or will be, committed."""


class AlertsHandler:
    """Applies batches; `on_committed` is called when there may be something to send or to publish."""

    def __init__(
        self, engine: AsyncEngine, topic: str, on_committed: Callable[[], None], taker: Taker | None = None
    ) -> None:
        self.engine = engine
        self.topic = topic
        self.on_committed = on_committed
        self.taker = taker
        self._long_way = 0
        """For so many batches the short way is not tried: subscriptions do not change with each."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the stored offset of each partition."""
        async with transaction(self.engine) as connection:
            return await intake.positions(connection, self.topic, partitions)

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:
        """Record alerts, deliveries, lanes, dead letters and offsets; return how many are dead."""
        batch = read_batch(records)
        offer = self.taker.offer() if self.taker is not None else None
        try:
            recorded = await self._record(batch, advance, offer)
        except (RetryableError, asyncio.CancelledError):
            if self.taker is not None and offer is not None:
                self.taker.doubt()
            raise
        if self.taker is not None and offer is not None:
            self.taker.take(offer, recorded.handed)
        self._count(len(records), batch)
        if recorded.is_more:
            self.on_committed()
        return len(batch.dead)

    async def _record(self, batch: Batch, advance: Advance, offer: Offer | None) -> Recorded:
        """Record a batch by one call if it is plain, else step by step."""
        if batch.is_plain and self._long_way == 0:
            async with direct(self.engine) as line:
                alerts = [*batch.alerts.values()]
                recorded = await taking.take_in(line, self.topic, advance, alerts, batch.lanes, offer)
            if recorded is not None:
                return recorded
            self._long_way = LONG_WAY
        self._long_way = max(0, self._long_way - 1)
        async with transaction(self.engine) as connection:
            # First of all, so that a process that lost its partitions changes nothing and locks nothing.
            await intake.advance_offsets(connection, self.topic, advance)
            return await self._apply(connection, batch, offer)

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:
        """Write one record to the dead letters with the reason, and store the offset."""
        async with transaction(self.engine) as connection:
            await intake.advance_offsets(connection, self.topic, advance)
            await intake.bury(connection, self.topic, [dead_letter(record, error)])
        TAKEN.labels("dead").inc()
        self.on_committed()

    async def _apply(self, connection: AsyncConnection, batch: Batch, offer: Offer | None) -> Recorded:
        new = await self._insert(connection, batch) if batch.alerts else []
        for partition, count in sorted(batch.duplicates.items()):
            await intake.count_duplicates(connection, self.topic, partition, count)
        if batch.dead:
            await intake.bury(connection, self.topic, batch.dead)
        if batch.pulse is not None:
            await pulse.note(connection, batch.pulse)
        # Last, because it takes locks that senders want.
        return await match(connection, new, offer) if new else Recorded([], is_more=False)

    async def _insert(self, connection: AsyncConnection, batch: Batch) -> list[tuple[int, NewAlert]]:
        """Record what is new and return it; settle what was known."""
        await intake.share_subscriptions(connection)
        numbers = await intake.insert_alerts(connection, list(batch.alerts.values()))
        await self._settle_known(connection, batch, [name for name in batch.alerts if name not in numbers])
        if lanes := [lane for lane in batch.lanes if (lane.source, lane.id) in numbers]:
            await intake.update_lanes(connection, lanes, numbers)
        return [(number, batch.alerts[name]) for name, number in numbers.items()]

    async def _settle_known(self, connection: AsyncConnection, batch: Batch, known: list[Name]) -> None:
        if known:
            for name, body in (await intake.stored_bodies(connection, known)).items():
                _compare(batch.records[name], body, batch)

    def _count(self, records: int, batch: Batch) -> None:
        duplicates = batch.duplicates.total()
        TAKEN.labels("duplicate").inc(duplicates)
        TAKEN.labels("dead").inc(len(batch.dead))
        TAKEN.labels("pulse").inc(batch.pulses)
        TAKEN.labels("recorded").inc(records - duplicates - len(batch.dead) - batch.pulses)
