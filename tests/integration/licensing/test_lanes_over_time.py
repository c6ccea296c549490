"""Lanes, licences and regimes as time passes by ticks in the log."""

import msgspec

from tests.integration.licensing.conftest import Desk
from tests.support.trade import declared, event, licence, milestone, regime, tick


async def states(desk: Desk, lane_id: str) -> list[tuple[str, str]]:
    lane = await desk.lane(lane_id)
    return [(change["at"].date().isoformat(), change["state"]) for change in lane["changes"]]


async def flow(desk: Desk, day: str, *, licence_id: str | None = "L-1", name: str = "F") -> None:
    for n in range(3):
        ship = f"{name}-{day}-{n}"
        await desk.feed(
            declared(ship, licence_id=licence_id, kg="10", time=f"{day}T08:00:00Z"),
            milestone(ship, "cleared", time=f"{day}T09:00:00Z"),
        )


async def test_a_lane_that_flows_again_tells_what_its_licences_have_left_then(desk: Desk) -> None:
    await desk.feed(regime(), licence(kg="1000"))
    await flow(desk, "2025-05-02")
    (change,) = (await desk.lane("magnets-controlled:CN:DE"))["changes"]
    assert b"the valid licences have 970 kg left of 1,000 kg" in bytes(change["reasons"])


async def test_an_expired_licence_shuts_the_lane_at_its_time(desk: Desk) -> None:
    await desk.feed(regime(), licence(valid_until="2025-05-10T00:00:00Z"))
    await flow(desk, "2025-05-02")
    await desk.feed(tick("2025-05-11T00:00:00Z"))
    assert await states(desk, "magnets-controlled:CN:DE") == [("2025-05-02", "flowing"), ("2025-05-10", "restricted")]
    assert await states(desk, "magnets-controlled:CN:world") == [
        ("2025-04-04", "restricted"),
        ("2025-05-02", "flowing"),
        ("2025-05-10", "restricted"),
    ]
    rows = await desk.sql("SELECT state FROM licensing.licence")
    assert [r.state for r in rows] == ["expired"]


async def test_a_licence_that_is_used_up_shuts_the_lane_and_a_new_one_reopens_it(desk: Desk) -> None:
    await desk.feed(regime(), licence(kg="60"))
    await flow(desk, "2025-05-02")
    await flow(desk, "2025-05-03")
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "restricted"
    await desk.feed(licence("L-2", time="2025-05-05T00:00:00Z"))
    await flow(desk, "2025-05-06", licence_id="L-2")
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "flowing"


async def test_a_suspended_licence_shuts_and_its_reinstatement_reopens(desk: Desk) -> None:
    await desk.feed(regime(), licence())
    await flow(desk, "2025-05-02")
    data = {"licence_id": "L-1"}
    await desk.feed(event("trade.licence.suspended", data, time="2025-05-04T00:00:00Z"))
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "restricted"
    await desk.feed(event("trade.licence.reinstated", data, time="2025-05-05T00:00:00Z"))
    await flow(desk, "2025-05-06")
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "flowing"


async def test_a_regime_announced_for_later_restricts_on_its_day(desk: Desk) -> None:
    await flow(desk, "2025-05-02", licence_id=None)
    await desk.feed(regime(time="2025-05-03T00:00:00Z", effective_from="2025-06-01T00:00:00Z"))
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "flowing"
    await desk.feed(tick("2025-05-31T00:00:00Z"), tick("2025-06-01T00:00:00Z"))
    assert (await states(desk, "magnets-controlled:CN:DE"))[-1] == ("2025-06-01", "restricted")


async def test_a_regime_suspended_before_it_begins_restricts_nothing_until_the_suspension_ends(desk: Desk) -> None:
    await flow(desk, "2025-05-02", licence_id=None)
    await desk.feed(regime(time="2025-05-03T00:00:00Z", effective_from="2025-06-01T00:00:00Z"))
    span = {"suspended_from": "2025-05-31T00:00:00Z", "suspended_until": "2025-06-20T00:00:00Z"}
    await desk.feed(event("trade.regime.suspended", {"regime_id": "R-18", **span}, time="2025-05-30T00:00:00Z"))
    await desk.feed(tick("2025-06-10T00:00:00Z"))
    assert (await desk.lane("magnets-controlled:CN:DE"))["state"] == "flowing"
    await desk.feed(tick("2025-06-21T00:00:00Z"))
    assert (await states(desk, "magnets-controlled:CN:DE"))[-1] == ("2025-06-20", "restricted")


async def test_an_earlier_tick_than_the_last_changes_nothing(desk: Desk) -> None:
    await desk.feed(regime(), licence(valid_until="2025-05-10T00:00:00Z"), tick("2025-05-09T00:00:00Z"))
    await desk.feed(tick("2025-05-01T00:00:00Z"))
    rows = await desk.sql("SELECT clock FROM licensing.register")
    assert rows[0].clock.isoformat() == "2025-05-09T00:00:00+00:00"


async def test_a_restricted_lane_names_those_of_other_origins_that_flow_and_a_retraction_supersedes_it(
    desk: Desk,
) -> None:
    for n in range(3):
        for origin in ("MY", "CN"):
            ship = f"F-{origin}-{n}"
            await desk.feed(
                declared(ship, kg="10", origin=origin, time="2025-03-20T08:00:00Z"),
                milestone(ship, "cleared", time="2025-03-20T09:00:00Z"),
            )
    await desk.feed(regime(id="mistake"))
    data = {"entity": "regime:R-18", "source": "/test", "id": "mistake", "reason": "posted by mistake"}
    await desk.feed(event("trade.event.retracted", data, time="2025-04-05T00:00:00Z"))
    lane_id = "magnets-controlled:CN:DE"
    changes = (await desk.lane(lane_id))["changes"]
    assert [(c["state"], c["supersedes"]) for c in changes] == [
        ("flowing", None),
        ("restricted", None),
        ("flowing", f"{lane_id}#2"),
    ]
    rows = await desk.sql("SELECT body FROM licensing.outbox WHERE key = :key ORDER BY number", key=lane_id)
    told = [msgspec.json.decode(row.body) for row in rows]
    alternatives = {alert["id"]: alert["data"].get("alternatives", []) for alert in told}
    assert [other["lane_id"] for other in alternatives[f"{lane_id}#2"]] == [
        "magnets-controlled:MY:DE",
        "magnets-controlled:MY:world",
    ]
    assert alternatives[f"{lane_id}#3"] == []
