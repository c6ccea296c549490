"""Several workers at once on one database: nothing is overdrawn, lost, or counted twice."""

import asyncio
import random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.domain.policy import Policy
from shared.consumption import OffsetsMovedError
from shared.errors import RetryableError
from tests.integration.licensing.conftest import Desk
from tests.support.trade import MAGNET, declared, licence, milestone, quota, regime


async def persist(desk: Desk, *bodies: bytes) -> None:
    """Feed as the consumer does: what may be retried is retried."""
    while True:
        try:
            await desk.feed(*bodies)
        except RetryableError:
            continue
        return


async def test_a_licence_and_a_quota_are_not_overdrawn_when_four_workers_race(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    await desk.feed(regime(), licence(kg="5000"), quota(kg="4000"))
    workers = [Desk(engine, policy, partition) for partition in (1, 2, 3, 4)]
    shipments = [declared(f"S{n}", licence_id="L-1", kg="100") for n in range(80)]

    async def work(worker: Desk, mine: list[bytes]) -> None:
        for start in range(0, len(mine), 5):
            await persist(worker, *mine[start : start + 5])

    await asyncio.gather(*(work(w, shipments[i::4]) for i, w in enumerate(workers)))
    rows = await desk.sql("SELECT account_id, reserved FROM licensing.account ORDER BY 1")
    assert {r.account_id: r.reserved for r in rows} == {"licence:L-1:1": 4000 * 10**6, "quota:Q-1": 4000 * 10**6}
    found = await desk.audit()
    assert found["decisions_by_outcome"] == {"denied": 40, "permitted": 40}


async def test_a_quota_alone_is_not_overdrawn_when_four_workers_race(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    """No licence's lock stands in front of the quota's account here, and no lane is shared."""
    await desk.feed(quota(kg="1000"))

    async def work(partition: int, destination: str) -> None:
        worker = Desk(engine, policy, partition)
        for n in range(15):
            body = declared(f"{destination}{n}", commodity=MAGNET, destination=destination, kg="100")
            await persist(worker, body)

    await asyncio.gather(*(work(i + 1, destination) for i, destination in enumerate(("DE", "US", "JP", "FR"))))
    (row,) = await desk.sql("SELECT reserved FROM licensing.account WHERE account_id = 'quota:Q-1'")
    assert row.reserved == 1000 * 10**6
    assert (await desk.audit())["decisions_by_outcome"] == {"denied": 50, "permitted": 10}


async def test_no_shipment_sleeps_on_when_its_licence_comes_at_the_same_moment(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    # Half of the licences are awaited already, so that their placeholders are there when the race begins.
    await desk.feed(regime(), *(declared(f"E{n}", licence_id=f"L-{n}") for n in range(0, 25, 2)))
    shipper, authority = Desk(engine, policy, 1), Desk(engine, policy, 2)
    for n in range(25):
        await asyncio.gather(
            persist(shipper, declared(f"S{n}", licence_id=f"L-{n}"), milestone(f"S{n}", "cleared")),
            persist(authority, licence(f"L-{n}")),
        )
    found = await desk.audit()
    assert found["events_by_status"] == {"decided": 1 + 13 + 3 * 25}
    assert found["decisions_by_outcome"] == {"permitted": 13 + 25}


async def test_workers_that_touch_the_same_things_in_any_order_finish(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    await desk.feed(regime())
    rng = random.Random(7)  # noqa: S311 - an order that can be had again
    bodies: list[list[bytes]] = [[], [], []]
    for n in range(30):
        bodies[0].append(licence(f"L-{n % 10}-{n}", kg="300"))
        name = f"L-{rng.randrange(10)}-{rng.randrange(30)}"
        bodies[1].append(declared(f"A{n}", licence_id=name))
        bodies[2].append(declared(f"B{n}", licence_id=name))
    for part in bodies:
        rng.shuffle(part)

    async def work(worker: Desk, mine: list[bytes]) -> None:
        for start in range(0, len(mine), 10):
            await persist(worker, *mine[start : start + 10])

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(Desk(engine, policy, i + 1), part) for i, part in enumerate(bodies)))
    found = await desk.audit()
    assert sum(found["events_by_status"].values()) == 91
    # What waits now waits for licences that were never issued.
    rows = await desk.sql(
        "SELECT count(*) FROM licensing.event e JOIN licensing.licence l ON e.waiting_for = 'licence:' || l.licence_id"
        " WHERE e.status = 'parked' AND l.state <> 'awaited'"
    )
    assert rows[0][0] == 0


async def test_a_worker_that_slept_while_another_took_over_changes_nothing(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    zombie = Desk(engine, policy, 0)
    await zombie.feed(regime(), licence())
    await desk.feed(declared("S1", licence_id="L-1"))
    before = await desk.audit()
    with pytest.raises(OffsetsMovedError):
        await zombie.feed(declared("S2", licence_id="L-1"))
    assert await desk.audit() == before
