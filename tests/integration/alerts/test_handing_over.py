"""What is recorded goes to the sender at once, where nothing can be lost, doubled or overtaken by that."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts.delivery.dispatcher import Dispatcher
from services.alerts.delivery.hand import Policies
from services.alerts.delivery.limits import Limits
from services.alerts.delivery.sender import Attempt, Sender
from services.alerts.domain.breaker import BreakerPolicy, Health
from services.alerts.domain.doubts import Doubt
from services.alerts.domain.evidence import GENESIS, hash_of, link_of
from services.alerts.domain.filters import KINDS, SEVERITIES, Filter
from services.alerts.domain.retries import Answer, RetryPolicy
from services.alerts.domain.timing import Digest
from services.alerts.matching import match
from services.alerts.store import SCHEMA, VERSIONS, accepted, claims, intake, secrets, subscriptions, taking, workers
from services.alerts.store.claims import Due, Endpoint
from services.alerts.store.handover import Offer
from services.alerts.store.intake import NewAlert
from services.alerts.store.matching import Recorded
from services.alerts.store.outcomes import Outcome, Release
from services.alerts.store.secrets import NewKey
from services.alerts.store.subscriptions import NewSubscription
from shared.consumption import OffsetsMovedError
from shared.database import make_engine, transaction, upgrade_schema
from shared.events import FOR_EVERYONE, Severity
from tests.integration.alerts.matched import alert
from tests.integration.alerts.test_matching import EXPIRIES, FILTERS, SCOPES, is_wanted
from tests.integration.alerts.test_matching import alert as drawn_alert
from tests.integration.alerts.waiting import eventually

ME, OTHER = UUID(int=1), UUID(int=2)
TOPIC = "t"
_subscriptions = count(1)
Line = Any


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(database_url, "tests")
    await upgrade_schema(made, SCHEMA, VERSIONS)
    yield made
    await made.dispose()


@asynccontextmanager
async def undone(engine: AsyncEngine) -> AsyncIterator[tuple[AsyncConnection, Line]]:
    """Yield a connection, and the driver's own below it, in one transaction that is rolled back."""
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO alerts.consumer_offset VALUES (:topic, 0, 0)"), {"topic": TOPIC})
        yield connection, (await connection.get_raw_connection()).driver_connection


async def subscribe(connection: AsyncConnection, wanted: Filter | None = None, **terms: Any) -> UUID:
    new = NewSubscription(f"n{next(_subscriptions)}", "http://e/", wanted or Filter(), None, None, **terms)
    made = await subscriptions.create(connection, new)
    assert made is not None
    return made.subscription_id


def offer(*own: UUID, room: int = 10, window: int = 10) -> Offer:
    return Offer(ME, room, window, own)


async def take_in(line: Line, alerts: Sequence[NewAlert], to: Offer | None, place: int = 0) -> Recorded | None:
    return await taking.take_in(line, TOPIC, {0: (place, place + 1)}, alerts, [], to)


async def step_by_step(connection: AsyncConnection, alerts: Sequence[NewAlert], to: Offer | None) -> Recorded:
    await intake.share_subscriptions(connection)
    numbers = await intake.insert_alerts(connection, alerts)
    return await match(connection, [(numbers[a.source, a.id], a) for a in alerts], to)


async def queue(connection: AsyncConnection, subscription_id: UUID) -> Any:
    statement = text("SELECT * FROM alerts.queue WHERE subscription_id = :id")
    return (await connection.execute(statement, {"id": subscription_id})).one()


PLAIN = FILTERS.map(lambda wanted: replace(wanted, condition=None))
KIND = st.sampled_from(sorted(KINDS - FOR_EVERYONE))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(PLAIN, EXPIRIES), min_size=1, max_size=8),
    st.lists(st.tuples(KIND, st.sampled_from(SEVERITIES), SCOPES), min_size=1, max_size=8),
)
async def test_one_call_agrees_with_the_definition_and_hands_over_each_delivery_once(
    engine: AsyncEngine, filters: list[tuple[Filter, datetime | None]], alerts: list[tuple[str, Severity, Any]]
) -> None:
    async with undone(engine) as (connection, line):
        wanted_by = {
            await subscribe(connection, wanted, expires_at=expires_at): (wanted, expires_at)
            for wanted, expires_at in filters
        }
        new = [drawn_alert(number, *drawn) for number, drawn in enumerate(alerts)]
        recorded = await take_in(line, new, offer())
        assert recorded is not None
        rows = (await connection.execute(text("SELECT * FROM alerts.delivery ORDER BY sequence"))).all()
        expected = {
            (made, a.id)
            for a in new
            for made, (wanted, expires_at) in wanted_by.items()
            if is_wanted(wanted, expires_at, a)
        }
        statement = text("SELECT alert_no, id FROM alerts.alert")
        ids = {row.alert_no: row.id for row in await connection.execute(statement)}
        assert {(row.subscription_id, ids[row.alert_no]) for row in rows} == expected
        handed = [due for each in recorded.handed for due in each.deliveries]
        assert sorted(due.delivery_id for due in handed) == sorted(row.delivery_id for row in rows)
        by_id = {row.delivery_id: row for row in rows}
        for due in handed:
            row = by_id[due.delivery_id]
            assert (due.subscription_id, due.sequence, due.order_key, due.created_at) == (
                *(row.subscription_id, row.sequence, row.order_key, row.created_at),
            )
            assert due.body == next(a.body for a in new if a.id == ids[row.alert_no])
        for each in recorded.handed:
            sequences = [due.sequence for due in each.deliveries]
            assert sequences == list(range(1, len(sequences) + 1)), "they go out in the order of their numbers"
            assert each.endpoint.last_known == sequences[-1]


async def change_queues(connection: AsyncConnection, change: str) -> None:
    known = change.format(me=ME, other=OTHER)
    await connection.execute(text(f"UPDATE alerts.queue SET {known}"))  # noqa: S608 - the test's own words


async def give(connection: AsyncConnection, subscription_id: UUID, worker: UUID) -> None:
    statement = text("UPDATE alerts.queue SET worker_id = :worker WHERE subscription_id = :id")
    await connection.execute(statement, {"worker": worker, "id": subscription_id})


STATES = {
    "free": ("", True),
    "its own": ("worker_id = '{me}'", True),
    "another's": ("worker_id = '{other}'", False),
    "with something due": ("due_at = now()", False),
    "with something to be tried again": ("due_at = now() + interval '1 hour'", False),
    "paused": ("is_open = false", False),
    "failing": ("failing_since = now()", False),
    "left alone": ("breaker = 'open'", False),
    "asking for a rest": ("rests_until = now() + interval '1 hour'", False),
    "paced": ("max_per_second = 5", False),
}


@pytest.mark.parametrize("way", ["one call", "step by step"])
@pytest.mark.parametrize("state", STATES)
async def test_only_an_endpoint_to_which_nothing_else_is_to_be_sent_is_handed_over(
    engine: AsyncEngine, state: str, way: str
) -> None:
    change, is_handed = STATES[state]
    async with undone(engine) as (connection, line):
        subscription_id = await subscribe(connection)
        if change:
            await change_queues(connection, change)
        before = await queue(connection, subscription_id)
        if way == "one call":
            recorded = await take_in(line, [alert()], offer(subscription_id))
        else:
            recorded = await step_by_step(connection, [alert()], offer(subscription_id))
        after = await queue(connection, subscription_id)
    assert recorded is not None
    assert [each.endpoint.subscription_id for each in recorded.handed] == [subscription_id] * is_handed
    assert recorded.is_more is not is_handed, "what is handed to nobody is told to all"
    if is_handed:
        assert (after.worker_id, after.due_at) == (ME, None)
    else:
        assert after.worker_id == before.worker_id
        assert after.due_at is not None
        assert before.due_at is None or after.due_at <= before.due_at


@pytest.mark.parametrize("signature", ["hmac", "ed25519", "both"])
async def test_both_ways_hand_over_what_signs_for_the_endpoint(engine: AsyncEngine, signature: str) -> None:
    async with undone(engine) as (connection, line):
        subscription_id = await subscribe(connection, signature=signature)
        await secrets.put(connection, subscription_id, "sealed-1")
        await secrets.put(connection, subscription_id, "sealed-2", overlap_s=60)
        for key_id in ("old", "new"):
            await secrets.add_key(connection, "default", NewKey(key_id, b"", f"key-{key_id}"), overlap_s=60)
        called = await take_in(line, [alert()], offer(subscription_id))
        stepped = await step_by_step(connection, [alert()], offer(subscription_id))
        assert called is not None
        endpoints = [each.endpoint for recorded in (called, stepped) for each in recorded.handed]
        expected = await secrets.signing_of(connection, subscription_id)
    assert [endpoint.signing for endpoint in endpoints] == [expected] * 2
    assert expected.count("sealed-") == 2 * (signature != "ed25519")
    assert endpoints[0] == endpoints[1]._replace(last_known=1)


@pytest.mark.parametrize("way", ["one call", "step by step"])
async def test_no_more_is_handed_over_than_there_is_room_for(engine: AsyncEngine, way: str) -> None:
    async with undone(engine) as (connection, line):
        for _ in range(5):
            await subscribe(connection)
        own = await subscribe(connection)
        await give(connection, own, ME)
        busy = await subscribe(connection)
        await give(connection, busy, ME)
        few, many = [alert()], [alert() for _ in range(4)]
        to = offer(own, room=2, window=3)
        if way == "one call":
            first, second = await take_in(line, few, to), await take_in(line, many, to, place=1)
        else:
            first, second = await step_by_step(connection, few, to), await step_by_step(connection, many, to)
    assert first is not None
    assert second is not None
    handed = [each.endpoint.subscription_id for each in first.handed]
    assert own in handed
    assert busy not in handed, "it has much in hand already"
    assert len(handed) == 3
    assert first.is_more
    assert second.handed == [], "more at once than its window holds"


async def test_a_batch_that_is_not_plain_changes_nothing_by_the_short_way(engine: AsyncEngine) -> None:
    async def stands(connection: AsyncConnection) -> Any:
        return (await connection.execute(text("SELECT count(*) FROM alerts.alert"))).scalar_one()

    async with undone(engine) as (connection, line):
        known = alert()
        assert await take_in(line, [known], None) is not None
        before = await stands(connection)

        async def refused(alerts: list[NewAlert]) -> bool:
            save = line.transaction()  # the call's own, since these tests undo all
            await save.start()
            try:
                return await take_in(line, alerts, offer(), place=1) is None
            finally:
                await save.rollback()

        assert await refused([alert(), known]), "an alert that was there"
        assert not await refused([alert()])
        await subscribe(connection, Filter(destinations=("JP",)), digest=Digest(every_minutes=60))
        assert await refused([alert("JP")]), "a subscription that is weighed"
        assert not await refused([alert("FR")]), "one that is for other alerts"
        assert await stands(connection) == before


async def test_offsets_that_moved_are_told_by_their_name(engine: AsyncEngine) -> None:
    async with undone(engine) as (_, line):
        with pytest.raises(OffsetsMovedError):
            await take_in(line, [alert()], None, place=7)


def taken(due: Due, excerpt: str | None = "ok \N{SNOWMAN}") -> Outcome:
    return Outcome(
        due.subscription_id,
        due.delivery_id,
        number=1,
        started_at=datetime.now(UTC),
        duration_ms=1.25,
        status=204,
        error=None,
        response_excerpt=excerpt,
        result="accept",
        order_key=None,
        frees_lane=True,
        next_step=0,
        next_at=None,
        health=Health(recent=3),
        url="http://e/",
        sent_to="http://e/",
        body_sha256=bytes(32),
    )


async def record(line: Line, outcomes: Sequence[Outcome], releases: Sequence[Release] = ()) -> bool:
    save = line.transaction()
    await save.start()
    is_done = await accepted.record(cast("asyncpg.Connection[asyncpg.Record]", line), ME, outcomes, releases)
    await (save.commit() if is_done else save.rollback())
    return is_done


async def handed_over(connection: AsyncConnection, line: Line, alerts: int = 1) -> list[Due]:
    chains = text("INSERT INTO alerts.chain SELECT subscription_id, 0, :genesis FROM alerts.queue")
    await connection.execute(chains, {"genesis": GENESIS})
    recorded = await take_in(line, [alert() for _ in range(alerts)], offer())
    assert recorded is not None
    return [due for each in recorded.handed for due in each.deliveries]


async def test_acceptances_recorded_by_one_call_make_the_same_chain(engine: AsyncEngine) -> None:
    async with undone(engine) as (connection, line):
        ids = [await subscribe(connection), await subscribe(connection)]
        excerpts = ('said "link":0, \\ \u001f', None) * 3
        outcomes = [taken(*each) for each in zip(await handed_over(connection, line, 3), excerpts, strict=True)]
        assert await record(line, outcomes[:4])
        assert await record(line, outcomes[4:], [Release(i, 3) for i in ids])
        for subscription_id in ids:
            head = GENESIS
            its = [o for o in outcomes if o.subscription_id == subscription_id]
            for number, outcome in enumerate(its, 1):
                head = hash_of(head, link_of(outcome, number))
            statement = text("SELECT links, hash FROM alerts.chain WHERE subscription_id = :id")
            assert tuple((await connection.execute(statement, {"id": subscription_id})).one()) == (3, head)
            after = await queue(connection, subscription_id)
            assert (after.worker_id, after.due_at, after.recent) == (None, None, 3)
        statement = text("SELECT * FROM alerts.delivery JOIN alerts.attempt USING (delivery_id)")
        rows = (await connection.execute(statement)).all()
        assert {(row.state, row.attempts, row.number) for row in rows} == {("delivered", 1, 1)}
        by_id = {o.delivery_id: o for o in outcomes}
        for row in rows:
            o = by_id[row.delivery_id]
            assert (row.first_accepted_at, row.response_excerpt) == (o.ended_at, o.response_excerpt)


async def test_what_is_not_plain_is_left_to_the_long_way(engine: AsyncEngine) -> None:
    async with undone(engine) as (connection, line):
        subscription_id = await subscribe(connection)
        first, second = (taken(due) for due in await handed_over(connection, line, 2))
        for change in ("worker_id = NULL", "breaker = 'half_open'", "failing_since = now()", "told = 'failing'"):
            save = await connection.begin_nested()
            await change_queues(connection, change)
            assert not await record(line, [first]), change
            await save.rollback()
        save = await connection.begin_nested()
        await connection.execute(text("UPDATE alerts.delivery SET state = 'queued' WHERE sequence = 2"))
        assert not await record(line, [first]), "one behind it may be freed"
        await save.rollback()
        assert await record(line, [first])
        assert not await record(line, [second, first]), "its record was committed and not heard of"
        states = await connection.execute(text("SELECT state FROM alerts.delivery ORDER BY sequence"))
        assert states.scalars().all() == ["delivered", "due"]
        assert (await queue(connection, subscription_id)).worker_id == ME


async def test_what_is_recorded_while_an_endpoint_is_given_back_is_looked_for(engine: AsyncEngine) -> None:
    async with undone(engine) as (connection, line):
        subscription_id = await subscribe(connection)
        (due,) = await handed_over(connection, line)
        # It decides to give it back, not knowing yet of what is handed to it just then.
        recorded = await take_in(line, [alert()], offer(subscription_id), place=1)
        assert recorded is not None
        assert len(recorded.handed) == 1
        assert await record(line, [taken(due)], [Release(subscription_id, 1)])
        after = await queue(connection, subscription_id)
        assert after.worker_id is None
        assert after.due_at is not None


class Receiver:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.sent: list[UUID] = []

    async def send(self, _: Endpoint, due: Due) -> Attempt:
        self.sent.append(due.delivery_id)
        return Attempt(datetime.now(UTC), 1.0, Answer(status=204), None, "http://e/", bytes(32))


@asynccontextmanager
async def sending(engine: AsyncEngine, receiver: Receiver) -> AsyncIterator[Dispatcher]:
    policies = Policies(RetryPolicy(), BreakerPolicy(), 8)
    made = Dispatcher(engine, cast("Sender", receiver), policies, Limits(poll_s=0.02), "one")
    run = asyncio.create_task(made.run())

    async def is_ready() -> bool:
        return made.offer() is not None

    await eventually(is_ready)
    yield made
    made.stop()
    await run


async def test_what_was_handed_over_in_a_commit_that_was_not_heard_of_is_found(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("INSERT INTO alerts.consumer_offset VALUES (:topic, 0, 0)"), {"topic": TOPIC})
        subscription_id = await subscribe(connection)
    receiver = Receiver()
    async with sending(engine, receiver) as dispatcher, engine.connect() as connection:
        line: Line = (await connection.get_raw_connection()).driver_connection
        to = dispatcher.offer()
        assert to is not None
        heard = await take_in(line, [alert()], to)
        assert heard is not None
        dispatcher.take(to, heard.handed)
        to = dispatcher.offer()
        assert to is not None
        unheard = await take_in(line, [alert()], to, place=1)
        assert unheard is not None
        (lost,) = [due.delivery_id for each in unheard.handed for due in each.deliveries]
        # Whoever handed it over never came back with it.
        dispatcher.doubt()
        assert dispatcher.offer() is None, "until it is over nothing more is handed over"

        async def is_found() -> bool:
            return lost in receiver.sent

        await eventually(is_found)
        numbers = [due.delivery_id for each in heard.handed for due in each.deliveries]
        assert receiver.sent == [*numbers, lost], "each once, in order"

        async def is_recorded() -> bool:
            async with transaction(engine) as looking:
                found = await looking.execute(text("SELECT state FROM alerts.delivery"))
                return found.scalars().all() == ["delivered", "delivered"]

        await eventually(is_recorded)
    async with transaction(engine) as connection:
        assert (await queue(connection, subscription_id)).worker_id is None, "it was given back at the end"


async def test_endpoints_that_nobody_holds_are_free_after_a_doubt_and_others_stay(engine: AsyncEngine) -> None:
    async with undone(engine) as (connection, _):
        await workers.enrol(connection, ME, "one", 60)
        held, lost, others = [await subscribe(connection) for _ in range(3)]
        for subscription_id, worker in ((held, ME), (lost, ME), (others, OTHER)):
            await give(connection, subscription_id, worker)
        await claims.doubt(connection, ME, Doubt(is_all=True), [held])
        after = {i: await queue(connection, i) for i in (held, lost, others)}
    assert [after[i].worker_id for i in (held, lost, others)] == [ME, None, OTHER]
    assert [after[i].due_at is not None for i in (held, lost, others)] == [True, True, False]
