"""Four worker processes race on one licence and one quota; a log read again gives the same decisions, to the byte."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from msgspec import structs

import services.licensing
from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.postgres import connect
from services.licensing.domain.policy import read_policy
from services.licensing.domain.whole import WholeBook, worked_out
from services.licensing.store.records import text_of
from shared.cloudevents import read_trade_event
from shared.kafka import make_producer
from tests.faults.licensing.test_licensing_faults import REPLAY, publish_many, settled
from tests.support.fresh import fresh
from tests.support.running import running
from tests.support.topics import publish
from tests.support.trade import declared, event, licence, milestone, quota, regime

SHIPMENTS = 20_000
LICENCE_KG, QUOTA_KG = 90_000, 70_000
POLICY = Path(services.licensing.__file__).parent / "policies" / "starter.json"


@pytest.fixture
async def producer(fresh_config: StackConfig, fresh_topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(fresh_config.bootstrap, "test")
    await producer.start()
    yield producer
    await producer.stop()


def shipments() -> list[bytes]:
    """About twice what the quota has, in a random order; half of it one kilogram each, so that nothing need be left."""
    chance = random.Random(20250404)  # noqa: S311 - a reproducible order, no secret
    masses = [chance.choice((1, 1, 1, 1, 2, 5, 10, 25)) for _ in range(SHIPMENTS)]
    return [declared(f"S{n}", licence_id="L-1", kg=str(kg)) for n, kg in enumerate(masses)]


async def books(config: StackConfig) -> dict[str, list[tuple[Any, ...]]]:
    """Return what was decided and why, and every ledger entry, as the database has them."""
    wanted = {
        "decision": "decision_id, outcome, reasons, ledger_entries, policy_version, caused_by, at, superseded_by",
        "ledger_entry": "account_id, number, kind, granted, reserved, written_off, free_after, beyond, caused_by,"
        " shipment_id, line_no",
        "event": "source, id, status, outcome",
    }
    found = {}
    connection = await connect(config, config.database)
    try:
        for table, columns in wanted.items():
            statement = f"SELECT {columns} FROM licensing.{table} ORDER BY 1, 2"  # noqa: S608 - constants
            found[table] = [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()
    return found


async def worked_out_from_the_record(config: StackConfig) -> WholeBook:
    connection = await connect(config, config.database)
    try:
        rows = await connection.fetch("SELECT body FROM licensing.event ORDER BY number")
    finally:
        await connection.close()
    return worked_out(read_policy(POLICY.read_bytes()), (read_trade_event(row["body"]) for row in rows))


def books_in_memory(book: WholeBook) -> dict[str, list[tuple[Any, ...]]]:
    version = book.policy.version
    decisions = [
        (d.decision_id, d.outcome, text_of(d.reasons), list(d.ledger_entries), version, d.caused_by, d.at)
        for d in book.decisions
    ]
    entries = [structs.astuple(entry) for entry in book.entries]
    events = [(*name.split(" ", 1), ending.status, ending.outcome) for name, ending in book.endings.items()]
    return {
        "decision": sorted((*d, book.superseded.get(d[0])) for d in decisions),
        "ledger_entry": sorted(entries),
        "event": sorted(events),
    }


def granted_kg(found: dict[str, list[tuple[Any, ...]]], account_id: str) -> int:
    return int(sum(row[4] for row in found["ledger_entry"] if row[0] == account_id)) // 10**6


async def with_workers(config: StackConfig, count: int, records: int) -> dict[str, list[tuple[Any, ...]]]:
    """Read the whole topic with so many processes into the config's database."""
    async with AsyncExitStack() as stack:
        environment = {**REPLAY, "LANEWATCH_LICENSING_GROUP": config.database}
        programs = [await stack.enter_async_context(running(config, "licensing", **environment)) for _ in range(count)]
        await settled(programs[0], records, deadline_s=180)
    return await books(config)


async def test_four_processes_grant_exactly_as_much_as_one_and_not_a_gram_more(
    backbone: StackConfig, fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    opening = [regime(), licence(kg=str(LICENCE_KG)), quota(kg=str(QUOTA_KG))]
    await publish(producer, fresh_topics, *opening)
    async with running(fresh_config, "licensing", **REPLAY, LANEWATCH_LICENSING_GROUP=fresh_config.database) as first:
        await settled(first, len(opening))
    await publish_many(producer, fresh_topics, shipments())
    four = await with_workers(fresh_config, 4, SHIPMENTS + len(opening))
    async with fresh(backbone) as other:
        one = await with_workers(replace(other, topics=fresh_config.topics), 1, SHIPMENTS + len(opening))
    assert granted_kg(four, "quota:Q-1") == granted_kg(one, "quota:Q-1") == QUOTA_KG
    assert granted_kg(four, "licence:L-1:1") == granted_kg(one, "licence:L-1:1") == QUOTA_KG
    assert len(four["decision"]) == len(one["decision"]) == SHIPMENTS
    again = books_in_memory(await worked_out_from_the_record(fresh_config))
    assert again == {table: sorted(rows) for table, rows in four.items()}


async def test_the_same_log_gives_the_same_decisions_to_the_byte(
    backbone: StackConfig, fresh_config: StackConfig, fresh_topics: Topics, producer: AIOKafkaProducer
) -> None:
    """With parkings, corrections, retractions and reviews in it, in six partitions, and batches of other sizes."""
    log = eventful()
    await publish_many(producer, fresh_topics, log)
    first = await with_workers(fresh_config, 1, len(log))
    assert {row[1] for row in first["decision"]} == {"permitted", "held", "denied", "withdrawn"}
    assert books_in_memory(await worked_out_from_the_record(fresh_config)) == {t: sorted(r) for t, r in first.items()}
    async with fresh(backbone) as other:
        config = replace(other, topics=fresh_config.topics)
        environment = {**REPLAY, "LANEWATCH_LICENSING_GROUP": config.database, "LANEWATCH_LICENSING_MAX_BATCH": "7"}
        async with running(config, "licensing", **environment) as program:
            await settled(program, len(log), deadline_s=180)
        assert await books(config) == first


def eventful() -> list[bytes]:
    """Return a log in which shipments on five licences meet everything that can happen to them."""
    chance = random.Random(7)  # noqa: S311 - a reproducible log, no secret
    certified: dict[str, Any] = {"needs_evidence": ["sustainability"]}
    log = [regime(), quota(kg="20000")]
    late = [licence(f"L-{n}", kg="800", **(certified if n == 4 else {})) for n in range(5)]
    for n in range(400):
        kg = str(chance.choice((1, 5, 20, 40)))
        ship, licence_id = f"S{n}", f"L-{n % 5}"
        log.append(declared(ship, licence_id=licence_id, kg=kg, id=f"{ship}-declared"))
        match chance.randrange(8):
            case 0:
                over = {"kind": "trade.shipment.corrected", "reason": "weighed again"}
                log.append(declared(ship, licence_id=licence_id, kg=str(int(kg) + 3), **over))
            case 1:
                entity = {"entity": f"shipment:{ship}", "source": "/test", "id": f"{ship}-declared"}
                log.append(event("trade.event.retracted", {**entity, "reason": "twice in the books"}))
            case 2:
                said = {"shipment_id": ship, "officer": "officer-1", "reason": "seen"}
                log.append(event("trade.review.overridden", said))
            case 3:
                log.append(milestone(ship, "cancelled"))
            case _:
                log.append(milestone(ship, "cleared"))
        if n % 80 == 40:
            log.append(late.pop(0))
    return [*log, *late]
