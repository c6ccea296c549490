"""Sources on a real database: several workers tell of one, a tick adds up what they heard."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.domain.policy import Policy
from services.licensing.store import sources
from tests.integration.licensing.conftest import Desk
from tests.support.trade import MAGNET, declared, tick

START = datetime(2025, 5, 5, tzinfo=UTC)


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def sent(name: str, hours: float, source: str = "/customs") -> bytes:
    return declared(name, commodity=MAGNET, time=at(hours), source=source)


async def listed(desk: Desk) -> list[dict[str, Any]]:
    return await desk.ask(sources.listed)  # type: ignore[no-any-return]


async def alerts(desk: Desk) -> list[str]:
    rows = await desk.sql(
        "SELECT convert_from(body, 'UTF8')::json->>'type' AS type FROM licensing.outbox"
        " WHERE convert_from(body, 'UTF8') LIKE '%finding.source_%' ORDER BY number"
    )
    return [row.type for row in rows]


async def test_what_several_workers_heard_of_a_source_counts_together(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    other = Desk(engine, policy, partition=1)
    await desk.feed(tick(at(0)), sent("S-0", 0.5))
    for day in range(1, 9):
        # One hears in the mornings, the other in the evenings.
        await desk.feed(tick(at(24 * day)), sent(f"A-{day}", 24 * day + 8))
        await other.feed(sent(f"B-{day}", 24 * day + 20))
    # From now on only the other hears of it: that is enough.
    for day in range(9, 13):
        await desk.feed(tick(at(24 * day)))
        await other.feed(sent(f"B-{day}", 24 * day + 20))
    assert await alerts(desk) == []
    (found,) = await listed(desk)
    assert (found["source"], found["is_silent"], found["feeds"]) == ("/customs", False, ("magnets:CN",))
    assert len(await desk.sql("SELECT * FROM licensing.source_seen WHERE source = '/customs'")) == 2

    await desk.feed(*(tick(at(24 * day)) for day in range(13, 18)))
    assert await alerts(desk) == ["lanewatch.finding.source_silent"]
    assert (await listed(desk))[0]["is_silent"]
    await other.feed(sent("B-18", 24 * 17 + 1))
    await desk.feed(tick(at(24 * 17 + 2)))
    assert await alerts(desk) == ["lanewatch.finding.source_silent", "lanewatch.finding.source_resumed"]
    assert not (await listed(desk))[0]["is_silent"]


async def test_a_batch_that_fails_is_heard_again(desk: Desk) -> None:
    await desk.feed(tick(at(0)), sent("S-0", 0.5))
    desk.handler._heard.clear()
    await desk.feed(sent("S-1", 0.6), tick(at(1)), sent("S-2", 1.5))
    (row,) = await desk.sql("SELECT at FROM licensing.source_seen")
    assert row.at == START + timedelta(hours=1)


async def test_only_so_many_sources_are_watched(desk: Desk) -> None:
    for start in range(0, 1500, 500):
        await desk.feed(*(sent(f"S-{n}", 1, source=f"/source/{n}") for n in range(start, start + 500)))
    assert len(await desk.sql("SELECT * FROM licensing.source_seen")) == sources.MOST
