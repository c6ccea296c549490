"""Each subscription counts its alerts without a gap, and whoever has seen a number has missed none below it."""

import asyncio
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.filters import Filter
from services.alerts.store import subscriptions
from services.alerts.store.subscriptions import NewSubscription
from shared.database import transaction
from tests.integration.alerts.matched import alert, deliveries, record, recorded
from tests.integration.alerts.receiver import Receiver
from tests.integration.alerts.service import Service, answering, lane_changed

NUMBERS = text("SELECT sequence FROM alerts.delivery WHERE subscription_id = :id ORDER BY sequence")


async def subscribe(engine: AsyncEngine, wanted: Filter) -> UUID:
    async with transaction(engine) as connection:
        made = await subscriptions.create(connection, NewSubscription("n", "http://e/", wanted, None, None))
    assert made is not None
    return made.subscription_id


async def numbers(engine: AsyncEngine, subscription_id: UUID) -> list[int]:
    async with transaction(engine) as connection:
        return [row.sequence for row in await connection.execute(NUMBERS, {"id": subscription_id})]


async def test_numbers_have_no_gap_at_any_moment_though_many_match_at_once(api_only: Service) -> None:
    engine = api_only.app.state.engine
    everything = await subscribe(engine, Filter())
    some = [await subscribe(engine, Filter(destinations=(to,))) for to in ("DE", "FR", "JP")]
    ended = asyncio.Event()
    seen: list[int] = []

    async def matching(worker: int) -> None:
        for turn in range(12):
            places = ["DE", "FR", "JP", "US"][(worker + turn) % 4 :]
            await recorded(engine, *(alert(to) for to in places))

    async def looking() -> None:
        while not ended.is_set():
            found = await numbers(engine, everything)
            assert found == list(range(1, len(found) + 1)), "a number was to be seen before one below it"
            seen.append(len(found))

    looks = asyncio.create_task(looking())
    await asyncio.gather(*(matching(worker) for worker in range(4)))
    ended.set()
    await looks
    assert len(set(seen)) > 3, "all was matched before anything was looked at"
    for each in (everything, *some):
        rows = await deliveries(engine, each)
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert len(await deliveries(engine, everything)) == 120


async def test_numbers_of_a_batch_that_is_rolled_back_are_given_again(api_only: Service) -> None:
    engine = api_only.app.state.engine
    mine = await subscribe(engine, Filter(destinations=("IT",)))
    async with engine.connect() as connection:
        await record(connection, alert("IT"), alert("IT"))
    await recorded(engine, alert("IT"), alert("IT"), alert("IT"))
    assert await numbers(engine, mine) == [1, 2, 3]


async def test_the_number_is_sent_and_shown(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    created = await service.subscribe(inbox.url, destinations=["DE"])
    await service.publish(lane_changed("DE", 1), lane_changed("FR", 1), lane_changed("DE", 2))
    await inbox.wait_for(2)
    async with answering(service.config, service.config.database) as other:
        await other.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
    got = {g.webhook_id: int(g.headers["lanewatch-sequence"]) for g in await inbox.wait_for(3)}
    assert sorted(got.values()) == [1, 2, 3]
    shown = {d["delivery_id"]: d["sequence"] for d in await service.wait_for_states(*["delivered"] * 3)}
    assert shown == got
