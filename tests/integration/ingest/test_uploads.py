"""Spreadsheets become events on the topic by a mapping that was put before, and every shipment is answered."""

import asyncio
import gzip
import json
import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import psutil
import pytest
from backports import zstd

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from shared.examples import trade_event
from tests.integration.ingest.door import Door, open_door, own_config
from tests.integration.ingest.raw import connected
from tests.integration.ingest.sheets import post, put, told
from tests.support.sheets import CLEARED, CSV, DECLARED, EXCEL, HEADER, csv_of, excel_of, row

CELLS = ["S-1", datetime(2025, 5, 2), "Motor AG", "Deutschland", 85051110, "Nd,Dy", 1234.5, 1300, "kg"]  # noqa: DTZ001 - as sheets have it


async def test_rows_become_declarations_and_consecutive_ones_their_lines(door: Door) -> None:
    kept = await put(door, DECLARED)
    starts = await door.ends()
    answer = await post(door, csv_of(row("S-1"), row("S-1", Netto="2.000", Brutto=""), row("S-2", Land="JP")))
    lines, summary = told(answer)
    assert answer.status_code == 202, answer.text
    assert [(line["row"], line["last_row"], line["status"]) for line in lines] == [(2, 3, 202), (4, 4, 202)]
    assert summary["mapping"] == {"name": "erp-1", "version": kept["version"]}
    assert (summary["accepted"], summary["refused"], summary["rows"]) == (2, 0, 3)
    events = {event["id"]: event for event in map(json.loads, [r.value for r in await door.records_since(starts)])}
    first = events[lines[0]["receipt"]["id"]]
    assert first["type"] == "trade.shipment.declared"
    assert first["time"] == "2025-05-01T22:00:00Z"
    assert [line["net_mass"] for line in first["data"]["lines"]] == [
        {"value": "1234.5", "unit": "KGM"},
        {"value": "2000", "unit": "KGM"},
    ]
    assert first["data"]["lines"][0]["commodity"] == {"hs": "85051110", "elements": ["Nd", "Dy"], "form": "magnet"}


async def test_a_workbook_gives_the_same_events(door: Door) -> None:
    await put(door, DECLARED)
    from_sheet = told(await post(door, excel_of([HEADER.split(";"), CELLS]), EXCEL))[0]
    from_text = told(await post(door, csv_of(row("S-1"))))[0]
    assert from_sheet[0]["status"] == 202, from_sheet
    assert from_sheet[0]["receipt"]["id"] == from_text[0]["receipt"]["id"]


async def test_a_wrong_row_is_named_with_its_column_and_stops_no_other(door: Door) -> None:
    await put(door, DECLARED)
    answer = await post(door, csv_of(row("S-1"), row("S-2", Netto="1,2,3", Land="Österreich"), row("S-3")))
    lines, summary = told(answer)
    assert answer.status_code == 207
    assert [line["status"] for line in lines] == [202, 422, 202]
    assert {(e["row"], e["column"]) for e in lines[1]["problem"]["errors"]} == {(3, "Netto"), (3, "Land")}
    assert "1.234,56" in str(lines[1]["problem"])
    assert (summary["accepted"], summary["refused"]) == (2, 1)


async def test_a_dry_run_shows_the_events_and_sends_none(door: Door) -> None:
    await put(door, DECLARED)
    starts = await door.ends()
    answer = await post(door, csv_of(row("S-1"), row("S-2", Netto="?")), dry_run="true")
    lines, summary = told(answer)
    assert answer.status_code == 200
    assert [line["status"] for line in lines] == [200, 422]
    assert lines[0]["event"]["data"]["shipment_id"] == "S-1"
    assert summary["is_dry_run"] is True
    assert await door.records_since(starts) == []


async def test_a_column_that_is_lacking_is_told_before_anything_is_sent(door: Door) -> None:
    await put(door, DECLARED)
    starts = await door.ends()
    header = HEADER.replace("Netto", "Nettogewicht")
    answer = await post(door, csv_of(row("S-1"), header=header))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["column"] for error in answer.json()["errors"]] == ["Netto"]
    assert await door.records_since(starts) == []


async def test_columns_that_are_not_mapped_are_named(door: Door) -> None:
    await put(door, CLEARED, "cleared")
    answer = await post(door, b"Shipment,Date,Remark\nS-1,2025-05-03,hello\n", mapping="cleared")
    lines, summary = told(answer)
    assert (lines[0]["status"], summary["mapped"], summary["unmapped"]) == (202, ["Shipment", "Date"], ["Remark"])


@pytest.mark.parametrize("sheet", [None, "Other"])
async def test_a_workbook_that_cannot_be_read_is_refused(door: Door, sheet: str | None) -> None:
    await put(door, DECLARED)
    content = excel_of([HEADER.split(";")]) if sheet else b"PK\x03\x04 and nothing more"
    answer = await post(door, content, EXCEL, **({"sheet": sheet} if sheet else {}))
    assert answer.status_code == 422, answer.text
    assert ("there is no sheet 'Other'" if sheet else "no readable Excel workbook") in answer.text


async def test_a_mapping_that_there_is_not_is_told(door: Door) -> None:
    assert (await post(door, csv_of(row("S-1")), mapping="nothing")).status_code == 404
    assert (await door.client.get("/v1/mappings/nothing")).status_code == 404


@pytest.mark.parametrize("coding, compress", [("gzip", gzip.compress), ("zstd", zstd.compress)])
async def test_files_may_be_compressed(door: Door, coding: str, compress: Any) -> None:
    await put(door, DECLARED)
    for content, kind in ((csv_of(row("S-1")), CSV), (excel_of([HEADER.split(";"), CELLS]), EXCEL)):
        answer = await post(door, compress(content), kind, content_encoding=coding)
        assert (answer.status_code, told(answer)[1]["accepted"]) == (202, 1), answer.text


async def test_only_what_was_refused_is_told_on_demand(door: Door) -> None:
    await put(door, DECLARED)
    lines, summary = told(await post(door, csv_of(row("S-1"), row("S-2", Netto="")), prefer="return=minimal"))
    assert ([line["row"] for line in lines], summary["accepted"]) == ([3], 1)


async def test_the_same_file_again_has_the_same_ids(door: Door) -> None:
    await put(door, DECLARED)
    content = csv_of(row("S-1"), row("S-2"))
    first, second = [[line["receipt"]["id"] for line in told(await post(door, content))[0]] for _ in range(2)]
    assert first == second


@pytest.mark.parametrize(
    "kind, encoding", [("text/csv; charset=windows-1252", "cp1252"), ("text/tab-separated-values", "utf-8")]
)
async def test_the_content_type_says_what_the_file_does_not(door: Door, kind: str, encoding: str) -> None:
    await put(door, DECLARED)
    text = csv_of(row("S-1", Empfänger="Größe & Söhne")).decode()
    text = text.replace(";", "\t") if "tab" in kind else text
    lines, _ = told(await post(door, text.encode(encoding), kind, dry_run="true"))
    assert lines[0]["event"]["data"]["consignee"] == "Größe & Söhne"


@pytest.mark.parametrize(
    "params, kind, status, where",
    [
        ({}, CSV, 422, "/query/mapping"),
        ({"mapping": "m", "sheet": "a\0b"}, CSV, 422, "/query/sheet"),
        ({"mapping": "m", "sheet": "s" * 32}, CSV, 422, "/query/sheet"),
        ({"mapping": ""}, CSV, 422, "/query/mapping"),
        ({"mapping": "erp-1", "dry_run": "yes"}, CSV, 422, "/query/dry_run"),
        ({"mapping": "erp-1", "from_row": "0"}, CSV, 422, "/query/from_row"),
        ({"mapping": "erp-1", "maping": "x"}, CSV, 422, "/query/maping"),
        ({"mapping": "erp-1", "sheet": "x"}, CSV, 422, "/query/sheet"),
        ({"mapping": "erp-1"}, "text/plain", 415, "content-type"),
        ({"mapping": "erp-1"}, "text/csv; charset=klingon", 415, "content-type"),
        ({"mapping": "erp-1"}, "application/vnd.ms-excel", 415, "content-type"),
    ],
)
async def test_a_request_that_cannot_be_understood_is_refused(
    door: Door, params: dict[str, str], kind: str, status: int, where: str
) -> None:
    await put(door, DECLARED)
    answer = await door.client.post("/v1/uploads", params=params, content=b"x", headers={"content-type": kind})
    assert answer.status_code == status
    assert where in (answer.json()["errors"][0].get("pointer"), answer.json()["errors"][0].get("header"))


async def test_a_file_of_any_size_is_taken_in_bounded_memory(door: Door) -> None:
    await put(door, CLEARED, "cleared")
    assert door.keeper.pid
    process = psutil.Process(door.keeper.pid)
    note = "x" * 2_000
    count = 40_000

    async def content() -> AsyncIterator[bytes]:
        yield b"Shipment,Date,Note\n"
        for start in range(0, count, 100):
            yield "".join(f"S-{n},2025-05-03,{note}\n" for n in range(start, start + 100)).encode()

    before = process.memory_info().rss
    answer = await door.client.post(
        "/v1/uploads?mapping=cleared",
        content=content(),
        headers={"content-type": CSV, "prefer": "return=minimal"},
        timeout=100,
    )
    assert answer.status_code == 202, answer.text
    assert json.loads(answer.text)["accepted"] == count
    assert process.memory_info().rss - before < 40_000_000


async def test_other_requests_have_their_turn_while_a_file_is_read(door: Door) -> None:
    await put(door, CLEARED, "cleared")
    content = b"Shipment,Date\n" + b"".join(b"S-%d,2025-05-03\n" % n for n in range(30_000))
    upload = asyncio.create_task(post(door, content, mapping="cleared", prefer="return=minimal"))
    slowest = 0.0
    event = json.dumps(trade_event("trade.shipment.declared")).encode()
    asked = 0
    while not upload.done():
        begun = time.monotonic()
        assert (await door.post(event)).status_code == 202
        slowest = max(slowest, time.monotonic() - begun)
        asked += 1
    assert (await upload).status_code == 202
    assert asked > 10
    assert slowest < 0.5


async def test_what_breaks_off_leaves_no_shipment_by_half(door: Door) -> None:
    await put(door, DECLARED)
    starts = await door.ends()
    text = csv_of(row("S-1"), row("S-2"), row("S-2"))
    async with connected(door.config.ingest_port) as connection:
        await connection.head("transfer-encoding: chunked", content_type=CSV, path="/v1/uploads?mapping=erp-1")
        await connection.send(f"{len(text):x}\r\n".encode() + text + b"\r\n")
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.2)
    found = [json.loads(record.value)["data"]["shipment_id"] for record in await door.records_since(starts)]
    assert "S-2" not in found


async def test_a_broken_end_says_where_to_go_on(door: Door) -> None:
    await put(door, DECLARED)
    lines = [row(f"S-{n}", Empfänger=secrets.token_hex(30)) for n in range(3000)]
    packed = gzip.compress(csv_of(*lines))
    answer = await post(door, packed[: len(packed) // 2], content_encoding="gzip")
    results, summary = told(answer)
    assert answer.status_code == 207
    stopped = summary["stopped"]
    assert stopped["problem"]["status"] == 400
    assert stopped["row"] == results[-1]["last_row"] + 1
    rest, summary = told(await post(door, csv_of(*lines), from_row=str(stopped["row"])))
    assert "stopped" not in summary
    assert len({line["receipt"]["id"] for line in results + rest}) == len(results) + len(rest) == 3000


async def test_a_workbook_over_the_limits_is_refused(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config, max_workbook_bytes=40_000, max_workbook_expanded_bytes=100_000) as door:
        await put(door, DECLARED)
        large = excel_of([HEADER.split(";"), *[[secrets.token_hex(40)] for _ in range(2000)]])
        assert (await post(door, large, EXCEL)).status_code == 413
        answer = await post(door, excel_of([HEADER.split(";"), *[CELLS] * 800]), EXCEL)
        assert (answer.status_code, "unpacked, the workbook has more than 100000 bytes" in answer.text) == (422, True)
        assert (await post(door, excel_of([HEADER.split(";"), CELLS]), EXCEL)).status_code == 202


async def test_only_so_many_workbooks_are_read_at_once(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config, max_workbooks=1) as door:
        await put(door, DECLARED)
        content = excel_of([HEADER.split(";"), *[[f"S-{n}", *CELLS[1:]] for n in range(500)]])
        answers = await asyncio.gather(*(post(door, content, EXCEL) for _ in range(3)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 202
        assert statuses[-1] == 503
        assert (await post(door, content, EXCEL)).status_code == 202


async def test_a_row_that_is_far_too_wide_ends_the_reading_of_its_workbook(door: Door) -> None:
    await put(door, DECLARED)
    wide = ["x" * 30_000] * 40
    answer = await post(door, excel_of([HEADER.split(";"), CELLS, wide]), EXCEL)
    assert (answer.status_code, "a row has more than" in answer.text) == (422, True)
