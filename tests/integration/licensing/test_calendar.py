"""The calendar over HTTP, read back by the library: what it holds follows the register, under UIDs that stay."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from services.licensing.main import build
from services.licensing.settings import LicensingSettings
from tests.integration.licensing.conftest import Desk
from tests.support.trade import MAGNET, declared, event, licence, quota, regime, tick

TRANCHE = {"tranche_id": "2", "opens_at": "2025-09-01T00:00:00Z", "amount": {"value": "400", "unit": "KGM"}}
TITLE = "No. 18; of April, 2025 \\ first\nlist\x07"


@pytest.fixture
async def client(desk: Desk, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the API; what is asked of it needs PostgreSQL alone."""
    app = build(LicensingSettings(database_url=database_url))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://licensing") as client:
        yield client
    await app.state.engine.dispose()


async def entries(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    """Return the entries of a calendar by kind, after looking whether it is as RFC 5545 wants it."""
    answer = await client.get("/v1/calendar.ics", params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8"), answer.text
    lines = answer.content.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert not any(byte < 0x20 and byte != 0x09 for line in lines for byte in line)
    calendar: Any = Calendar.from_ical(answer.content)
    assert calendar["version"] == "2.0"
    assert calendar.subcomponents, "a calendar has some component"
    found = calendar.walk("VEVENT")
    assert len({one["uid"] for one in found}) == len(found)
    assert all(one["dtstamp"].dt == one["last-modified"].dt for one in found)
    return {one["categories"].cats[0]: one for one in found}


async def fill(desk: Desk) -> None:
    await desk.feed(
        regime(title=TITLE),
        event(
            "trade.regime.suspended",
            {
                "regime_id": "R-18",
                "suspended_from": "2025-08-01T00:00:00Z",
                "suspended_until": "2026-02-01T00:00:00Z",
            },
        ),
        quota(kg="900", tranches=[TRANCHE]),
        licence("L-7", kg="2000"),
        tick("2025-05-01T00:00:00Z"),
    )


async def test_what_is_coming_is_told_on_its_day(desk: Desk, client: httpx.AsyncClient) -> None:
    await fill(desk)
    found = await entries(client)
    assert {kind: one["dtstart"].dt for kind, one in found.items()} == {
        "licence.last_day": date(2025, 10, 27),
        "quota.tranche": date(2025, 9, 1),
        "quota.last_day": date(2025, 12, 31),
        "regime.pauses": date(2025, 8, 1),
        "regime.returns": date(2026, 2, 1),
    }
    # Escaped and read back; the control character alone is gone.
    assert found["regime.returns"]["summary"].startswith("No. 18; of April, 2025 \\ first\nlist : applies again")


async def test_an_amended_licence_moves_its_last_day_and_a_retraction_moves_it_back(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    await fill(desk)
    before = (await entries(client))["licence.last_day"]
    amended = licence(
        "L-7",
        kg="2000",
        kind="trade.licence.amended",
        id="amend",
        time="2025-05-02T00:00:00Z",
        valid_until="2026-01-15T00:00:00Z",
    )
    await desk.feed(amended)
    after = (await entries(client))["licence.last_day"]
    taken_back = {"entity": "licence:L-7", "source": "/test", "id": "amend"}
    await desk.feed(event("trade.event.retracted", taken_back, time="2025-05-03T00:00:00Z"))
    back = (await entries(client))["licence.last_day"]
    told = (before, after, back)
    assert [one["dtstart"].dt for one in told] == [date(2025, 10, 27), date(2026, 1, 14), date(2025, 10, 27)]
    assert len({one["uid"] for one in told}) == 1
    assert [one["sequence"] for one in told] == [0, 1, 2]
    assert before["last-modified"].dt <= after["last-modified"].dt <= back["last-modified"].dt


async def test_a_licence_that_is_revoked_is_coming_to_no_end(desk: Desk, client: httpx.AsyncClient) -> None:
    await fill(desk)
    await desk.feed(event("trade.licence.revoked", {"licence_id": "L-7"}, time="2025-05-02T00:00:00Z"))
    assert "licence.last_day" not in await entries(client)


async def test_what_runs_out_at_the_present_rate_is_told_with_its_range(desk: Desk, client: httpx.AsyncClient) -> None:
    await fill(desk)
    days = [f"2025-{5 + n // 30:02}-{n % 30 + 1:02}T08:00:00Z" for n in range(60)]
    goods: dict[str, Any] = {"licence_id": "L-7", "kg": "10", "commodity": MAGNET}
    await desk.feed(*(declared(f"S-{n}", time=day, **goods) for n, day in enumerate(days)))
    await desk.feed(tick("2025-07-01T00:00:00Z"))
    found = (await entries(client))["forecast.runs_out"]
    assert found["status"] == "TENTATIVE"
    assert date(2025, 7, 28) <= found["dtstart"].dt <= date(2025, 8, 3)
    assert found["description"].startswith("At the present rate what is left of quota Q-1 is used up about 2025-")
    await desk.feed(declared("S-more", time="2025-07-01T00:10:00Z", **goods))
    later = (await entries(client))["forecast.runs_out"]
    assert (later["uid"], later["sequence"]) == (found["uid"], found["sequence"] + 1)
    await desk.feed(tick("2025-07-01T02:00:00Z"))
    assert (await entries(client))["forecast.runs_out"]["sequence"] == later["sequence"] + 2


async def test_the_same_calendar_is_not_sent_twice(desk: Desk, client: httpx.AsyncClient) -> None:
    await fill(desk)
    tag = (await client.get("/v1/calendar.ics")).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get("/v1/calendar.ics", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await desk.feed(licence("L-8"))
    changed = await client.get("/v1/calendar.ics", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["cache-control"] == "private, max-age=300"


@pytest.mark.parametrize(
    "asked,kinds",
    [
        ({"exporter": "Y"}, {"quota.tranche", "quota.last_day", "regime.pauses", "regime.returns"}),
        ({"destination": "US"}, {"quota.tranche", "quota.last_day", "regime.pauses", "regime.returns"}),
        ({"origin": "JP"}, set()),
        ({"commodity_group": "heavy-rare-earths-second-list"}, set()),
        ({"days": 100}, {"regime.pauses"}),
        ({"from": "2025-12-31", "days": 1}, {"quota.last_day"}),
    ],
)
async def test_a_calendar_is_of_what_is_asked_for(
    desk: Desk, client: httpx.AsyncClient, asked: dict[str, Any], kinds: set[str]
) -> None:
    await fill(desk)
    assert set(await entries(client, **asked)) == kinds


@pytest.mark.parametrize(
    "asked,pointer",
    [
        ({"commodity_group": "cars"}, "/query/commodity_group"),
        ({"origin": "cn"}, "/query/origin"),
        ({"days": 4000}, "/query/days"),
        ({"from": "soon"}, "/query/from"),
        ({"exporter": "\x00"}, "/query/exporter"),
    ],
)
async def test_a_bad_question_names_the_field(client: httpx.AsyncClient, asked: dict[str, Any], pointer: str) -> None:
    answer = await client.get("/v1/calendar.ics", params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
