"""Health answers: ready is said only when every check that makes up readiness was asked."""

import asyncio

import httpx
from fastapi import FastAPI

from shared.health import Health


async def test_service_that_starts_while_it_is_asked_is_not_ready_yet() -> None:
    health = Health("licensing")
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow_database() -> None:
        asked.set()
        await go_on.wait()

    async def not_yet() -> str:
        return "not enrolled yet"

    health.add_ready("database", slow_database)
    app = FastAPI()
    app.include_router(health.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://licensing") as client:
        answer = asyncio.create_task(client.get("/health/ready"))
        await asyncio.wait_for(asked.wait(), 5)
        health.add_ready("delivery", not_yet)
        health.is_started = True
        go_on.set()
        first = await answer
        second = await client.get("/health/ready")
    assert (first.status_code, first.json()["checks"]["startup"][0]["output"]) == (503, "still starting")
    assert (second.status_code, second.json()["checks"]["delivery"][0]["output"]) == (503, "not enrolled yet")


async def test_a_note_is_told_and_holds_no_work_up() -> None:
    health = Health("alerts")
    health.is_started = True

    async def look_at_it() -> str:
        return "a chain is not signed"

    health.add_note("evidence", look_at_it)
    app = FastAPI()
    app.include_router(health.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alerts") as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "warn")
    assert answer.json()["checks"] == {"evidence": [{"status": "warn", "output": "a chain is not signed"}]}
