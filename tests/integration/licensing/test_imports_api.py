"""Imports over HTTP, with the service, its relay and its consumer running; and killed in the middle."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import jsonschema
import pytest

from lanewatch.stack import StackConfig, Topics
from lanewatch.stack.postgres import connect
from services.licensing.api.imports import CSV, EXCEL, MAX_FILE_BYTES
from tests.support.plain import PLAIN
from tests.support.registers import csv_of, excel_of, row
from tests.support.running import Program, running, until
from tests.support.topics import published

REPLAY = {"LANEWATCH_CLOCK": "replay"}


@pytest.fixture
async def program(fresh_config: StackConfig, fresh_topics: Topics) -> AsyncIterator[Program]:
    async with running(fresh_config, "licensing", **REPLAY) as program:
        yield program


async def post(program: Program, data: Any, kind: str = CSV, **params: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=program.url, timeout=60, verify=PLAIN) as client:
        return await client.post("/v1/imports/licences", params=params, content=data, headers={"content-type": kind})


async def is_dealt_with(program: Program, number: int) -> dict[str, Any] | None:
    found: dict[str, Any] = await program.get(f"/v1/imports/{number}")
    return None if found["events_by_status"].get("waiting") else found


async def assert_documented(program: Program, answer: httpx.Response) -> None:
    """Hold an answer to what the OpenAPI document says of its status."""
    document = await program.get("/openapi.json")
    content = document["paths"]["/v1/imports/licences"]["post"]["responses"][str(answer.status_code)]["content"]
    schema = content[answer.headers["content-type"]]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


async def test_a_register_goes_the_whole_way_to_the_balances(
    program: Program, fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    data = csv_of(row(), row(line_no="2", mass="2.5", unit="t"), row(licence_id="L/2"))
    dry = await post(program, data)
    await assert_documented(program, dry)
    assert (dry.status_code, dry.json()["is_importable"], dry.json()["counts"]["new"]) == (200, True, 2)
    assert await published(fresh_config, fresh_topics.events) == []

    answer = await post(program, data, dry_run="false")
    await assert_documented(program, answer)
    assert answer.status_code == 202
    found = await until(lambda: is_dealt_with(program, answer.json()["number"]), "the import to be dealt with")
    assert (found["events_by_status"], found["unapplied"]) == ({"decided": 2}, [])
    for made in answer.json()["events"]:
        async with httpx.AsyncClient(base_url=program.url, verify=PLAIN) as client:
            assert (await client.get(made["outcome"])).json()["status"] == "decided"
    licence = await program.get("/v1/licences/L/2")
    assert [(a["account"], a["granted"]) for a in licence["accounts"]] == [("licence:L/2:1", "1000")]
    records = await published(fresh_config, fresh_topics.events)
    assert {record.key for record in records} == {b"licence:L-1", b"licence:L/2"}
    assert {dict(record.headers)["content-type"] for record in records} == {b"application/cloudevents+json"}

    audit = await program.get("/v1/audit")
    of_licences = {kind: n for kind, n in audit["alerts_by_type"].items() if kind.startswith("trade.")}
    assert of_licences == {}, "events of imports are not counted as alerts"


async def test_a_workbook_is_taken_as_well(program: Program) -> None:
    answer = await post(
        program, excel_of(row(mass=1200.5), sheet="R", before=("N",)), EXCEL, sheet="R", dry_run="false"
    )
    assert answer.status_code == 202
    assert answer.json()["changes"][0]["differences"][-1] == {"field": "line 1", "old": "", "new": "850511: 1200.5 KGM"}


async def test_a_file_with_faults_is_unprocessable_and_tells_them_all(program: Program) -> None:
    data = csv_of(row(mass="1,000"), row(licence_id="L-2"), row(licence_id="L-3", origin="cn"))
    for dry_run, status in (("true", 200), ("false", 422)):
        answer = await post(program, data, dry_run=dry_run)
        await assert_documented(program, answer)
        assert answer.status_code == status
        assert [(f["row"], f["column"], f["value"]) for f in answer.json()["faults"]] == [
            (2, "mass", "1,000"),
            (4, "origin", "cn"),
        ]
        assert answer.headers["content-type"] == ("application/json" if status == 200 else "application/problem+json")
    assert (await program.get("/v1/licences"))["items"] == []


async def test_what_is_no_file_of_a_known_kind_is_refused(program: Program) -> None:
    answer = await post(program, b"{}", "application/json")
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert CSV in answer.json()["detail"]
    for at in ("2025-05-01T00:00:00", "0001-01-01T00:00:00+08:00", "yesterday"):
        assert (await post(program, csv_of(row()), at=at)).status_code == 422
    assert (await program.get("/v1/imports/7"))["title"] == "There is no such import"


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_file_over_the_limit_is_refused_and_the_service_goes_on(program: Program, is_announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_FILE_BYTES // 2**16 + 1):
            yield bytes(2**16)

    answer = await post(program, bytes(MAX_FILE_BYTES + 1) if is_announced else chunks())
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert str(MAX_FILE_BYTES) in answer.json()["detail"]
    assert (await post(program, csv_of(row()))).status_code == 200


async def test_a_process_that_is_killed_before_the_commit_imports_nothing(
    program: Program, fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    watcher = await connect(fresh_config, fresh_config.database)
    blocker = await connect(fresh_config, fresh_config.database)
    try:
        block = blocker.transaction()
        await block.start()
        # The last of the import's statements will wait: all that it wrote before is still uncommitted.
        await blocker.execute("LOCK TABLE licensing.outbox IN SHARE MODE")
        sent = asyncio.create_task(post(program, csv_of(row(), row(licence_id="L-2")), dry_run="false"))
        await until(lambda: _is_waiting(watcher), "the import to wait for the outbox")
        await program.kill()
        await block.rollback()
        with pytest.raises(httpx.TransportError):
            await sent
        await until(lambda: _is_gone(watcher), "the session of the killed process to end")
        for table in ("import", "import_event", "outbox"):
            assert await watcher.fetchval(f"SELECT count(*) FROM licensing.{table}") == 0  # noqa: S608 - as listed
    finally:
        await blocker.close()
        await watcher.close()
    async with running(fresh_config, "licensing", **REPLAY) as again:
        assert (await again.get("/v1/licences"))["items"] == []
        assert (await post(again, csv_of(row()), dry_run="false")).status_code == 202


async def _is_waiting(c: "asyncpg.Connection[asyncpg.Record]") -> bool:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%outbox%'"
    return bool(await c.fetchval(statement))


async def _is_gone(c: "asyncpg.Connection[asyncpg.Record]") -> bool:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lanewatch-licensing-api'"
    return not await c.fetchval(statement)
