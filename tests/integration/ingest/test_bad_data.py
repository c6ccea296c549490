"""Bad data is refused with the field and the reason, and never costs the good events beside it."""

import json
from typing import Any

import pytest

from tests.integration.ingest.door import BATCH, STRUCTURED, Door
from tests.support.bad import ASKED, BAD, DECLARED, Bad
from tests.support.trade import declared


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_bad_data_is_refused_by_its_field_and_in_words(door: Door, bad: Bad) -> None:
    before = await door.ends()
    answer = await door.post(bad.body(), STRUCTURED)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["title"]) == (422, "The event breaks the contract")
    (error,) = problem["errors"]
    assert error["pointer"] == bad.pointer
    assert bad.says in error["detail"]
    assert await door.ends() == before


async def test_binary_mode_points_into_the_body_that_was_sent(door: Door) -> None:
    for bad in ASKED:
        event = bad.event()
        data = json.dumps(event.pop("data")).encode()
        names = {f"ce_{name}": str(value) for name, value in event.items() if name != "datacontenttype"}
        answer = await door.post(data, "application/json", **names)
        assert answer.status_code == 422, bad.name
        assert answer.json()["errors"][0]["pointer"] == bad.pointer.removeprefix("/data")


async def test_all_faults_of_an_event_are_told_in_one_answer(door: Door) -> None:
    event = json.loads(declared("S1"))
    event["time"] = "today"
    event["data"]["origin"] = "China"
    event["data"]["lines"][0]["net_mass"]["unit"] = "LBR"
    answer = await door.post(json.dumps(event).encode())
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/time",
        "/data/origin",
        "/data/lines/0/net_mass/unit",
    ]


async def test_one_bad_item_of_each_kind_does_not_cost_the_good_ones_between(door: Door) -> None:
    items: list[bytes] = []
    for number, bad in enumerate(BAD):
        items += [declared(f"good-{number}", id=f"good-{number}"), bad.body(f"bad-{number}")]
    before = await door.ends()
    answer = await door.post(b"[" + b",".join(items) + b"]", BATCH)
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (len(BAD), len(BAD))
    for number, bad in enumerate(BAD):
        good, refused = body["results"][2 * number : 2 * number + 2]
        assert good["status"] == 202
        assert refused["status"] == 422, bad.name
        (error,) = refused["problem"]["errors"]
        assert error["pointer"] == f"/{2 * number + 1}{bad.pointer}"
        assert bad.says in error["detail"]
    stored = [json.loads(record.value)["id"] for record in await door.records_since(before)]
    assert sorted(stored) == sorted(f"good-{number}" for number in range(len(BAD)))


async def test_an_item_that_is_too_long_costs_only_itself(strict_door: Door) -> None:
    whole: Any = json.loads(declared("long"))
    whole["data"]["lines"] = [{**whole["data"]["lines"][0], "line_no": number} for number in range(1, 41)]
    long = json.dumps(whole).encode()
    assert len(long) > 4_000
    answer = await strict_door.post(b"[" + b",".join([declared("a"), long, declared("b")]) + b"]", BATCH)
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == [202, 413, 202]
    (error,) = answer.json()["results"][1]["problem"]["errors"]
    assert error["pointer"] == "/1"
    assert error["detail"] == f"an event has at most 4000 bytes, this one has {len(long)}"


async def test_a_shipment_of_ten_thousand_whole_lines_is_refused_alone_and_in_a_batch(door: Door) -> None:
    whole: Any = json.loads(declared("long"))
    whole["data"]["lines"] = [{**whole["data"]["lines"][0], "line_no": number} for number in range(1, 10_001)]
    body = json.dumps(whole, separators=(",", ":")).encode()
    assert len(body) > 1_000_000
    alone = await door.post(body)
    assert alone.status_code == 413
    assert "at most 1000000 bytes" in alone.json()["errors"][0]["detail"]
    answer = await door.post(b"[" + b",".join([declared("a"), body, declared("b")]) + b"]", BATCH)
    assert [result["status"] for result in answer.json()["results"]] == [202, 422, 202]
    (error,) = answer.json()["results"][1]["problem"]["errors"]
    assert (error["pointer"], error["detail"]) == ("/1/data/lines", "at most 200 items, got 10,000")


async def test_the_same_event_put_right_is_taken_under_its_own_id(door: Door) -> None:
    """A refusal leaves no trace, so that what was refused can be sent again."""
    bad = next(bad for bad in BAD if bad.kind == DECLARED)
    before = await door.ends()
    assert (await door.post(bad.body("again"))).status_code == 422
    good = json.loads(declared("S1", id="again"))
    assert (await door.post(json.dumps(good).encode())).status_code == 202
    assert len(await door.records_since(before)) == 1
