"""What must not stop, distort or flood licensing, however odd a batch is."""

import asyncio
import json

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from lanewatch.stack import StackConfig, Topics
from services.licensing.domain.policy import Policy
from services.licensing.publisher import Relay
from shared.database import make_engine, transaction
from shared.errors import RetryableError
from tests.integration.licensing.conftest import Desk
from tests.integration.licensing.test_batching import begin_again
from tests.support.running import until
from tests.support.trade import CONTROLLED_MAGNET, MAGNET, declared, licence, milestone, quota, regime, tick

COUNTRIES = "DE FR JP US KR IT ES NL BE AT PL SE FI DK NO CH CZ HU RO PT GB IE VN TH MY IN MX BR".split()  # noqa: SIM905


async def outcomes(desk: Desk) -> dict[str, str]:
    rows = await desk.sql("SELECT shipment_id, outcome FROM licensing.shipment ORDER BY 1")
    return {row.shipment_id: row.outcome for row in rows}


async def test_a_batch_may_use_up_any_number_of_licences(desk: Desk) -> None:
    await desk.feed(regime(), *(licence(f"L-{c}", kg="100", destinations=[c]) for c in COUNTRIES))
    await desk.feed(*(declared(f"S-{c}", licence_id=f"L-{c}", kg="100", destination=c) for c in COUNTRIES))
    assert set((await outcomes(desk)).values()) == {"permitted"}
    lanes = await desk.sql("SELECT state FROM licensing.lane WHERE commodity_group = 'magnets-controlled'")
    assert {lane.state for lane in lanes} == {"restricted"}


async def test_what_is_parked_anew_queues_up_behind_what_waits_already(desk: Desk) -> None:
    two = json.loads(declared("S1", licence_id="L1", kg="80"))
    second = {"line_no": 2, "commodity": CONTROLLED_MAGNET, "net_mass": {"value": "80"}, "licence_id": "L2"}
    two["data"]["lines"].append(second)
    log = [regime(), json.dumps(two).encode(), declared("S2", licence_id="L2", kg="80")]
    log += [licence("L1", kg="100"), licence("L2", kg="100")]
    for cut in (1, 3, 5):
        await begin_again(desk)
        for start in range(0, len(log), cut):
            await desk.feed(*log[start : start + cut])
        assert await outcomes(desk) == {"S1": "denied", "S2": "permitted"}, f"in batches of {cut}"


async def test_what_follows_a_held_shipment_is_not_lost_however_coarse_the_ticks(desk: Desk) -> None:
    day = "2025-05-01T0{}:00:00Z"
    log = [tick(day.format(0)), regime(), declared("S1", licence_id="L9", time=day.format(8))]
    log += [milestone("S1", "cleared", time=day.format(9)), milestone("S1", "departed", time=day.format(9))]
    for ticks in (["2025-05-16T00:00:00Z"], ["2025-05-15T08:30:00Z", "2025-05-16T00:00:00Z"]):
        await begin_again(desk)
        await desk.feed(*log, *map(tick, ticks))
        rows = await desk.sql("SELECT outcome FROM licensing.event WHERE type LIKE 'trade.shipment.%' ORDER BY id")
        assert [row.outcome for row in rows] == ["held", "cleared although held", "departed"]


async def test_a_declaration_under_two_ids_is_concluded_once(desk: Desk) -> None:
    body = json.loads(declared("S1", licence_id="L9"))
    await desk.feed(regime(), json.dumps(body).encode(), json.dumps({**body, "id": "again"}).encode())
    await desk.feed(tick("2025-06-01T00:00:00Z"))
    assert [row.decision_id for row in await desk.sql("SELECT decision_id FROM licensing.decision")] == ["S1#1"]
    (letter,) = await desk.sql("SELECT reason FROM licensing.dead_letter")
    assert letter.reason == "shipment S1 was declared before"


async def test_an_event_dated_years_ahead_does_not_shut_a_lane_for_good(desk: Desk) -> None:
    await desk.feed(tick("2025-05-01T00:00:00Z"), regime(), licence("L-1"))
    await desk.feed(licence("L-typo", kg="1", time="2052-05-01T00:00:00Z"))
    for n in range(3):
        ship = f"S{n}"
        await desk.feed(declared(ship, licence_id="L-1", kg="10"), milestone(ship, "cleared"))
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "flowing"


async def test_an_event_from_long_ago_costs_no_more_than_another(desk: Desk) -> None:
    old = "1200-06-01T00:00:00Z"
    await desk.feed(declared("S1", commodity=MAGNET, time=old), milestone("S1", "cleared", time=old))
    async with asyncio.timeout(5):
        await desk.feed(tick("2025-05-01T00:00:00Z"))
    (row,) = await desk.sql("SELECT stats FROM licensing.lane WHERE lane_id = 'magnets:CN:DE'")
    assert len(row.stats) < 1500


async def test_a_quota_governs_its_lanes_from_the_first_day_of_its_period(desk: Desk) -> None:
    day = "2024-12-20T08:00:00Z"
    await desk.feed(tick("2024-12-20T00:00:00Z"), *(declared(f"S{n}", commodity=MAGNET, time=day) for n in range(3)))
    await desk.feed(*(milestone(f"S{n}", "cleared", time=day) for n in range(3)), quota(kg=None, time=day))
    assert (await desk.lane("magnets:CN:DE"))["state"] == "flowing"
    await desk.feed(tick("2025-01-02T00:00:00Z"))
    lane = await desk.lane("magnets:CN:DE")
    assert (lane["state"], lane["changes"][-1]["at"].date().isoformat()) == ("restricted", "2025-01-01")


async def test_a_shipment_with_very_many_faults_is_told_in_a_message_of_bounded_size(desk: Desk) -> None:
    lines = [{"line_no": n, "covers": {"hs": ["850511"]}, "mass": {"value": "1"}} for n in range(1, 201)]
    await desk.feed(regime(), licence("L-1", lines=lines))
    goods = {"commodity": CONTROLLED_MAGNET, "net_mass": {"value": "2"}, "licence_id": "L-1"}
    await desk.feed(declared("BIG", lines=[{"line_no": n, **goods} for n in range(1, 201)]))
    (row,) = await desk.sql("SELECT max(length(body)) AS most FROM licensing.outbox")
    assert row.most < 50_000
    reasons = json.loads(bytes((await desk.shipment("BIG"))["decisions"][0]["reasons"]))
    # One for each line, and once that the licence's conditions are met.
    assert [reason["rule"] for reason in reasons] == ["licence.balance"] * 200 + ["licence.conditions"]


async def test_an_alert_too_large_for_kafka_does_not_hold_up_the_others(
    desk: Desk, fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    desk.handler.topics_out = (fresh_topics.decisions, fresh_topics.dead_letters_licensing)
    await desk.sql(
        """INSERT INTO licensing.outbox (topic, key, body)
        VALUES (:t, 'k', convert_to('{"type": "' || repeat('x', 1100000) || '"}', 'UTF8'))
        RETURNING 1""",
        t=fresh_topics.decisions,
    )
    await desk.feed(declared("S1", commodity=MAGNET))
    relay = Relay(desk.engine, fresh_config.bootstrap)
    task = asyncio.create_task(relay.run())

    async def is_empty() -> bool:
        return bool((await desk.audit())["unpublished"] == 0)

    try:
        await until(is_empty, "the outbox to be empty")
    finally:
        relay.stop()
        await task
    found = await desk.audit()
    assert found["unpublishable"] == 1


async def test_a_pool_that_is_used_up_buries_nothing(engine: AsyncEngine, policy: Policy, database_url: str) -> None:
    small = make_engine(database_url, "test", pool_size=1)
    small.sync_engine.pool._timeout = 0.2  # type: ignore[attr-defined] # there is no public way to shorten it
    small.sync_engine.pool._max_overflow = 0  # type: ignore[attr-defined]
    desk = Desk(small, policy)
    await desk.handler.positions([0])
    async with transaction(small):
        with pytest.raises(RetryableError):
            await desk.handler.handle([], {0: (0, 0)})
    await small.dispose()


async def test_errors_do_not_tell_what_was_bound(desk: Desk) -> None:
    with pytest.raises(Exception, match="invalid input") as caught:
        await desk.sql("SELECT CAST(:bound AS int)", bound="something")
    assert "[parameters" not in str(caught.value)
