"""A desk that feeds licensing's handler as its consumer does, on a real database."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import services.licensing
from lanewatch.stack import StackConfig
from services.licensing.consumer import EventHandler
from services.licensing.domain.lanes import Opening
from services.licensing.domain.opening import NOTHING, opened_by
from services.licensing.domain.policy import Policy, read_policy
from services.licensing.domain.whole import WholeBook
from services.licensing.store import audits, explaining, reads, records
from shared.database import make_engine, transaction, upgrade_schema
from tests.support.fresh import fresh, replace_by_copy

LICENSING = Path(services.licensing.__file__).parent
TOPIC = "trade.events"


class Desk:
    """Hands records to the handler and asks what became of them."""

    def __init__(self, engine: AsyncEngine, policy: Policy, partition: int = 0) -> None:
        self.engine = engine
        self.handler = EventHandler(engine, policy, TOPIC, ("trade.decisions", "dead"))
        self.partition = partition
        self.next: int | None = None

    async def feed(self, *bodies: bytes) -> int:
        if self.next is None:
            self.next = (await self.handler.positions([self.partition]))[self.partition]
        first = self.next
        records = [
            SimpleNamespace(partition=self.partition, offset=first + i, timestamp=first + i, value=body)
            for i, body in enumerate(bodies)
        ]
        dead = await self.handler.handle(records, {self.partition: (first, first + len(records))})
        self.next = first + len(records)
        return dead

    async def ask(self, question: Any, *args: Any) -> Any:
        async with transaction(self.engine) as c:
            return await question(c, *args)

    async def sql(self, statement: str, **parameters: Any) -> Sequence[Any]:
        async with transaction(self.engine) as c:
            return (await c.execute(text(statement), parameters)).all()

    async def lane(self, lane_id: str) -> Any:
        return await self.ask(reads.lane, lane_id)

    async def shipment(self, shipment_id: str) -> Any:
        return await self.ask(explaining.shipment, shipment_id)

    async def event(self, event_id: str, source: str = "/test") -> Any:
        return await self.ask(explaining.event, source, event_id)

    async def audit(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask(audits.audit, TOPIC)
        return found


@pytest.fixture(scope="session")
def policy() -> Policy:
    return read_policy((LICENSING / "policies" / "starter.json").read_bytes())


@pytest.fixture(scope="session")
async def empty_books(backbone: StackConfig) -> AsyncIterator[str]:
    """The name of a database that has the schema; it is migrated once and copied for each test."""
    async with fresh(backbone) as config:
        engine = make_engine(config.database_url, "test")
        await upgrade_schema(engine, "licensing", LICENSING / "store" / "versions")
        await engine.dispose()
        yield config.database


@pytest.fixture
async def engine(fresh_config: StackConfig, empty_books: str) -> AsyncIterator[AsyncEngine]:
    await replace_by_copy(fresh_config, empty_books)
    engine = make_engine(fresh_config.database_url, "test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def desk(engine: AsyncEngine, policy: Policy) -> AsyncIterator[Desk]:
    """After each test the books must agree, whatever the test did."""
    desk = Desk(engine, policy)
    yield desk
    found = await desk.audit()
    assert found["overdrawn_accounts"] == found["unbalanced_accounts"] == found["lane_sequence_gaps"] == 0
    counted = sum(found["events_by_status"].values()) + found["duplicates"] + found["dead_letters_without_event"]
    assert counted == found["records_read"]
    assert found["dead_events_without_letter"] == found["entries_out_of_line"] == 0
    assert await lanes_out_of_step(desk) == {}
    assert await caused_by_others(desk) == []


async def caused_by_others(desk: Desk) -> list[str]:
    """Return decisions and draws whose event is not of their shipment's life: an event's answer would miss them."""
    rows = await desk.sql("""
        SELECT what FROM (
            SELECT decision_id AS what, shipment_id, caused_by FROM licensing.decision
            UNION ALL SELECT account_id || '#' || number, shipment_id, caused_by FROM licensing.ledger_entry
            WHERE shipment_id IS NOT NULL) AS brought
        WHERE NOT EXISTS (SELECT FROM licensing.event e WHERE e.source || ' ' || e.id = brought.caused_by
                          AND e.entity = 'shipment:' || brought.shipment_id)
    """)
    return [row.what for row in rows]


async def lanes_out_of_step(desk: Desk) -> dict[str, tuple[Opening, Opening]]:
    """Return the lanes whose sums are not what the licences that open them have together."""
    book = WholeBook(desk.handler.policy)
    book.licences = {r.licence_id: records.licence_of(r) for r in await desk.sql("SELECT * FROM licensing.licence")}
    book.accounts = {r.account_id: records.account_of(r) for r in await desk.sql("SELECT * FROM licensing.account")}
    wanted: dict[str, Opening] = {}
    for licence in book.licences.values():
        for lane_id, opening in opened_by(book, licence).items():
            wanted[lane_id] = wanted.get(lane_id, NOTHING).changed(NOTHING, opening)
    lanes = [records.lane_of(r) for r in await desk.sql("SELECT * FROM licensing.lane")]
    kept = {lane.lane_id: lane.stats.opening for lane in lanes}
    both = {lane_id: (kept.get(lane_id, NOTHING), wanted.get(lane_id, NOTHING)) for lane_id in {*kept, *wanted}}
    return {lane_id: pair for lane_id, pair in both.items() if pair[0] != pair[1]}
