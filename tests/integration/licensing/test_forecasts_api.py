"""When licences and quotas run out, over HTTP, from what stands in the ledger."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import jsonschema
import pytest

from lanewatch.stack import StackConfig
from tests.integration.licensing.test_api import producing, schema_of
from tests.support.fresh import fresh
from tests.support.plain import PLAIN
from tests.support.running import running, until
from tests.support.topics import publish
from tests.support.trade import MAGNET, declared, licence, milestone, quota, regime, tick

FIRST = datetime(2025, 5, 1, tzinfo=UTC)
NOW = FIRST + timedelta(days=60)
YEAR_END = datetime(2026, 1, 1, tzinfo=UTC)
ALL_MAGNETS = {"covers": [{"hs": ["850511"]}], "licensed_by": "MOFCOM"}


def at(day: float) -> str:
    return (FIRST + timedelta(days=day)).isoformat()


def days_of(time: str | None) -> float:
    assert time is not None
    return (datetime.fromisoformat(time) - NOW) / timedelta(days=1)


def draws() -> list[bytes]:
    """Ten kilograms on each of sixty days; every third clears, and what else happens leaves no trace in the rate."""
    found = []
    for day in range(60):
        found.append(declared(f"S-{day}", licence_id="L-7", kg="10", commodity=MAGNET, time=at(day + 0.5)))
        if day % 3 == 0:
            found.append(milestone(f"S-{day}", "cleared", time=at(day + 0.6)))
    found += [
        declared("S-big", licence_id="L-7", kg="300", commodity=MAGNET, time=at(20.2)),
        milestone("S-big", "cancelled", time=at(21)),
        declared("S-wrong", licence_id="L-7", kg="250", commodity=MAGNET, time=at(30.2)),
        declared("S-wrong", licence_id="L-7", kg="2.5", commodity=MAGNET, time=at(31), kind="trade.shipment.corrected"),
    ]
    return found


BODIES = [
    regime("R-all", time="2025-04-04T00:00:00Z", **ALL_MAGNETS),
    quota(
        kg="900",
        tranches=[{"tranche_id": "2", "opens_at": at(150), "amount": {"value": "400", "unit": "KGM"}}],
        monthly_cap={"value": "700", "unit": "KGM"},
    ),
    quota("Q-none", kg="5", covers=[{"hs": ["2805"]}]),
    licence("L-7", kg="1000", valid_until="2026-04-28T00:00:00Z"),
    licence("L/new", kg="1000"),
    licence("L-short", kg="1000", valid_until=at(61)),
    *draws(),
]


@pytest.fixture(scope="module")
async def client(backbone: StackConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        fresh(backbone) as config,
        producing(config) as producer,
        running(config, "licensing", LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN) as client,
    ):
        # What the others rest on first; the clock last.
        done = 0
        for bodies in (BODIES[:6], BODIES[6:-3], BODIES[-3:-2], BODIES[-2:-1], BODIES[-1:], [tick(at(60))]):
            await publish(producer, config.topics, *bodies)
            done += len(bodies)
            await until(partial(is_read, client, done), f"{done} events to be read")
        yield client


async def is_read(client: httpx.AsyncClient, count: int) -> bool:
    return bool(sum((await client.get("/v1/positions")).json().values()) == count)


async def ask(client: httpx.AsyncClient, path: str, route: str) -> dict[str, Any]:
    """Return an answer that is as the OpenAPI document says."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    document = (await client.get("/openapi.json")).json()
    jsonschema.validate(answer.json(), schema_of(document, route, "200", "application/json"))
    found: dict[str, Any] = answer.json()
    return found


async def licence_forecast(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    return await ask(client, f"/v1/licences/{path}/forecast", "/v1/licences/{licence_id}/forecast")


async def test_a_licence_runs_out_when_its_rate_has_used_what_is_left(client: httpx.AsyncClient) -> None:
    found = await licence_forecast(client, "L-7")
    (account,) = found["accounts"]
    assert found["coverage"] == {"stated": 0.8, "backtested": 0.81}
    assert datetime.fromisoformat(found["as_of"]) == NOW
    assert (account["account"], account["unit"], account["left"]) == ("licence:L-7:1", "KGM", "397.5")
    # After the first: 59 draws of 10 kg and one that was corrected to 2.5; the cancelled one has drawn nothing.
    assert account["rests_on"] == {"days": 59, "draws": 60, "a_day": "10.042"}
    assert account["state"] == "runs_out"
    assert days_of(account["runs_out"]["median"]) == pytest.approx(397.5 / 10.042, abs=1)
    assert days_of(account["runs_out"]["from"]) < days_of(account["runs_out"]["median"])
    assert days_of(account["runs_out"]["until"]) > days_of(account["runs_out"]["median"])
    assert account["left_at_end"] == {"median": "0", "least": "0", "most": "0"}


async def test_a_quota_runs_out_before_its_tranche_and_its_month_by_the_rate_of_the_whole(
    client: httpx.AsyncClient,
) -> None:
    found = await ask(client, "/v1/quotas/Q-1/forecast", "/v1/quotas/{quota_id}/forecast")
    whole, *months = found["accounts"]
    assert (found["state"], whole["account"], whole["left"]) == ("open", "quota:Q-1", "297.5")
    assert datetime.fromisoformat(whole["ends_at"]) == YEAR_END
    assert [(datetime.fromisoformat(t["opens_at"]), t["amount"]) for t in whole["coming"]] == [
        (FIRST + timedelta(days=150), "400")
    ]
    assert days_of(whole["runs_out"]["until"]) < 90
    assert [month["account"] for month in months] == ["quota:Q-1:month:2025-05", "quota:Q-1:month:2025-06"]
    may, june = months
    assert (may["state"], june["state"]) == ("ended", "lasts")
    assert june["rests_on"] == whole["rests_on"]


async def test_where_too_little_was_drawn_it_says_so(client: httpx.AsyncClient) -> None:
    for path, state, says in (
        ("L%2Fnew", "too_few_draws", "fewer than 5 draws"),
        ("L-short", "too_few_draws", "fewer than 5 draws"),
    ):
        (account,) = (await licence_forecast(client, path))["accounts"]
        assert (account["state"], account["runs_out"], account["rests_on"]["a_day"]) == (state, None, None)
        assert says in account["says"]


@pytest.mark.parametrize("path", ["licences/none", "quotas/none", "licences/L%2F7"])
async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/v1/{path}/forecast")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_database_id_with_nul_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/licences/%00/forecast")).status_code == 422


async def test_the_books_are_whole_after_it(client: httpx.AsyncClient) -> None:
    audit = (await client.get("/v1/audit")).json()
    assert audit["unbalanced_accounts"] == audit["overdrawn_accounts"] == 0


def supply(**over: Any) -> dict[str, Any]:
    return {
        "commodity_group": "magnets",
        "origin": "CN",
        "destination": "DE",
        "stock": {"value": "500", "unit": "KGM"},
        "as_of": NOW.isoformat(),
        "daily_use": {"value": "5", "unit": "KGM"},
        "lead_time_days": 40,
        "licences": ["L-7"],
        **over,
    }


async def test_a_buyer_learns_how_long_his_stock_lasts_and_what_closes_his_lane(client: httpx.AsyncClient) -> None:
    made = await client.put("/v1/supplies/plant%2FA", json=supply(licences=["L-7", "L-none"]))
    assert made.status_code == 201, made.text
    found = await ask(client, "/v1/supplies/plant%2FA", "/v1/supplies/{supply_id}")
    assert found == {**made.json(), "supply_id": "plant/A"}
    assert (found["days_of_supply"], found["left_kg"]) == (100.0, "500")
    assert days_of(found["lasts_until"]) == 100
    assert days_of(found["order_by"]) == 60
    # At ten a day 397.5 of the licence, and 297.5 of the quota, are gone before the next delivery on day 100.
    closes = {each["what"]: each for each in found["closings"]}
    assert closes["licence L-7"]["how"] == "runs_out"
    assert 25 < days_of(closes["licence L-7"]["at"]) < 40
    assert found["closes"]["what"] == "quota Q-1"
    assert days_of(found["closes"]["at"]) < days_of(closes["licence L-7"]["at"])
    assert found["not_of_the_lane"] == ["L-none"]
    # The large draw used the quota up for a day, and nothing has cleared since.
    assert (found["lane"]["state"], found["lane"]["says"]) == ("restricted", "quota Q-1 has nothing left")
    assert (found["verdict"], found["says"][:27]) == ("lane_shut", "magnets:CN:DE is restricted")


async def test_the_last_of_several_licences_keeps_the_lane_open(client: httpx.AsyncClient) -> None:
    found = (await client.put("/v1/supplies/B", json=supply(licences=["L-short", "L-7"]))).json()
    closes = {each["what"]: days_of(each["at"]) for each in found["closings"]}
    assert closes["licence L-short"] == 1
    assert days_of(found["closes"]["at"]) > 1


async def test_a_supply_is_changed_listed_and_forgotten(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/supplies/C", json=supply(title="first"))).status_code == 201
    changed = await client.put("/v1/supplies/C", json=supply(title="second", destination="JP"))
    assert (changed.status_code, changed.json()["terms"]["title"]) == (200, "second")
    assert changed.json()["not_of_the_lane"] == ["L-7"], "it opens the lane to Germany alone"
    page = await ask(client, "/v1/supplies?limit=100", "/v1/supplies")
    assert "C" in [each["supply_id"] for each in page["items"]]
    assert (await client.delete("/v1/supplies/C")).status_code == 204
    assert (await client.get("/v1/supplies/C")).status_code == 404
    assert (await client.delete("/v1/supplies/C")).status_code == 404


@pytest.mark.parametrize(
    "over, pointer, says",
    [
        ({"commodity_group": "gold"}, "/commodity_group", "is no commodity group of the policy"),
        ({"daily_use": {"value": "0"}}, "/daily_use/value", "must be more than nothing"),
        ({"lead_time_days": 4000}, "/lead_time_days", "from 0 to 3650"),
        ({"stok": 1}, "/stok", "unknown field"),
    ],
)
async def test_a_supply_at_fault_is_refused_with_the_field(
    client: httpx.AsyncClient, over: dict[str, Any], pointer: str, says: str
) -> None:
    answer = await client.put("/v1/supplies/D", json=supply(**over))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert says in answer.json()["errors"][0]["detail"]
    assert (await client.get("/v1/supplies/D")).status_code == 404
