"""Malformed input at the front door gets the right 4xx with its place, and none of it reaches the topic."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.examples import TRADE_DATA, trade_event
from tests.integration.ingest.door import BATCH, STRUCTURED, Door

DECLARED = "trade.shipment.declared"


def text(change: Callable[[Any], object] = lambda _: None, kind: str = DECLARED) -> bytes:
    """An example event after a change."""
    event = json.loads(json.dumps(trade_event(kind)))
    change(event)
    return json.dumps(event).encode()


def mass(value: bytes) -> bytes:
    """An example event with this text as its mass."""
    return text().replace(b'"1200.5"', value)


def without(*names: str) -> bytes:
    return text(lambda event: [event.pop(name) for name in names])


def attributes(**changes: str) -> dict[str, str]:
    """The headers of a binary event; an empty value leaves one out."""
    event = {**trade_event(DECLARED), **changes}
    names = [name for name in event if name not in ("data", "datacontenttype") and event[name]]
    return {f"ce-{name}": event[name] for name in names}


@dataclass
class Case:
    name: str
    body: bytes
    status: int
    place: str
    """A JSON Pointer, or the name of a header."""
    content_type: str = STRUCTURED
    headers: dict[str, str] = field(default_factory=dict)


JSON = "application/json"
DATA = json.dumps(TRADE_DATA[DECLARED]).encode()
LINE = "/data/lines/0"

CASES = [
    Case("empty", b"", 400, ""),
    Case("not JSON", b"hello", 400, ""),
    Case("cut off", text()[:-20], 400, ""),
    Case("two documents", text() + text(), 400, ""),
    Case("byte order mark", b"\xef\xbb\xbf" + text(), 400, ""),
    Case("not UTF-8", text().replace(b"SHP-42", b"SHP-\xff", 1), 400, ""),
    Case("UTF-16", text().decode().encode("utf-16"), 400, ""),
    Case("lone surrogate", text().replace(b"SHP-42", b"\\ud800", 1), 400, "/data/shipment_id"),
    Case("NUL", text().replace(b"SHP-42", b"SHP\\u0000", 1), 400, "/data/shipment_id"),
    Case("NUL in an extension", text(lambda e: e.update(ext="\0")), 400, "/ext"),
    Case("key twice", text().replace(b'"id":', b'"id": "x", "id":', 1), 400, "/id"),
    Case("key twice, escaped", text().replace(b'"id":', b'"\\u0069d": "x", "id":', 1), 400, "/id"),
    Case("key twice, deep", text().replace(b'"unit":', b'"unit": "TNE", "unit":', 1), 400, f"{LINE}/net_mass/unit"),
    Case("NaN", mass(b"NaN"), 400, f"{LINE}/net_mass/value"),
    Case("Infinity", mass(b"-Infinity"), 400, f"{LINE}/net_mass/value"),
    Case("too deep", text().replace(b'"data"', b'"ext": ' + b"[" * 9999 + b"]" * 9999 + b', "data"'), 400, ""),
    Case("not an object", b"[]", 422, ""),
    Case("null", b"null", 422, ""),
    Case("NaN as text", mass(b'"NaN"'), 422, f"{LINE}/net_mass"),
    Case("1e400", mass(b"1e400"), 422, f"{LINE}/net_mass"),
    Case("huge exponent", mass(b'"1e999999"'), 422, f"{LINE}/net_mass"),
    Case("exponent beyond any", mass(b"1e99999999999999999999"), 422, f"{LINE}/net_mass/value"),
    Case("tiny exponent", mass(b"1e-9999999"), 422, f"{LINE}/net_mass"),
    Case("many digits", mass(b"9" * 4000), 422, f"{LINE}/net_mass"),
    Case("negative mass", mass(b"-1"), 422, f"{LINE}/net_mass"),
    Case("no mass", mass(b"0"), 422, f"{LINE}/net_mass"),
    Case("part of a milligram", mass(b"0.0000001"), 422, f"{LINE}/net_mass"),
    Case("mass is a word", mass(b'"much"'), 422, f"{LINE}/net_mass/value"),
    Case("mass is true", mass(b"true"), 422, f"{LINE}/net_mass/value"),
    Case("missing id", without("id"), 422, "/id"),
    Case("empty id", text(lambda e: e.update(id="")), 422, "/id"),
    Case("id is a number", text(lambda e: e.update(id=7)), 422, "/id"),
    Case("missing source", without("source"), 422, "/source"),
    Case("blank in the source", text(lambda e: e.update(source="/a b")), 422, "/source"),
    Case("missing type", without("type"), 422, "/type"),
    Case("unknown type", text(lambda e: e.update(type="trade.shipment.lost")), 422, "/type"),
    Case("alert posted", text(lambda e: e.update(type="lanewatch.lane.changed")), 422, "/type"),
    Case("missing data", without("data"), 422, "/data"),
    Case("old version", text(lambda e: e.update(specversion="0.3")), 422, "/specversion"),
    Case("bad timestamp", text(lambda e: e.update(time="20 May 2025")), 422, "/time"),
    Case("no such day", text(lambda e: e.update(time="2025-02-30T00:00:00Z")), 422, "/time"),
    Case("no offset", text(lambda e: e.update(time="2025-05-20T11:00:00")), 422, "/time"),
    Case("outside UTC", text(lambda e: e.update(time="0001-01-01T00:00:00+14:00")), 422, "/time"),
    Case("data as base64", text(lambda e: e.update(data_base64="AA==")), 422, "/data_base64"),
    Case("data type not JSON", text(lambda e: e.update(datacontenttype="text/xml")), 422, "/datacontenttype"),
    Case("extension in capitals", text(lambda e: e.update(myExt="x")), 422, "/myExt"),
    Case("extension is an object", text(lambda e: e.update(ext={})), 422, "/ext"),
    Case("unknown field", text(lambda e: e["data"].update(exportr="E")), 422, "/data/exportr"),
    Case("field with odd name", text(lambda e: e["data"].update({"a/b~`c": 1})), 422, "/data/a~1b~0`c"),
    Case("country in words", text(lambda e: e["data"].update(origin="China")), 422, "/data/origin"),
    Case("no lines", text(lambda e: e["data"].update(lines=[])), 422, "/data/lines"),
    Case("line twice", text(lambda e: e["data"]["lines"].append(e["data"]["lines"][0])), 422, "/data/lines/1/line_no"),
    Case(
        "validity empty",
        text(lambda e: e["data"].update(valid_until="2025-01-01T00:00:00Z"), "trade.licence.issued"),
        422,
        "/data/valid_until",
    ),
    Case("10 MB", b" " * 10 * 1024 * 1024, 413, ""),
    Case("10 MB batch", b" " * 10 * 1024 * 1024, 413, "", BATCH),
    Case("1001 items", b"[" + b",".join([b"1"] * 1001) + b"]", 413, "", BATCH),
    Case("batch is an object", text(), 422, "", BATCH),
    Case("batch cut off", b"[" + text(), 400, "", BATCH),
    Case("plain JSON", text(), 415, "content-type", JSON),
    Case("XML", b"<event/>", 415, "content-type", "application/xml"),
    Case("no content type", text(), 415, "content-type", ""),
    Case("other event format", text(), 415, "content-type", "application/cloudevents+avro"),
    Case("other charset", text(), 415, "content-type", f"{STRUCTURED}; charset=utf-16"),
    Case("binary, not JSON", b"hello", 400, "", JSON, attributes()),
    Case("binary, key twice", b'{"shipment_id": "a", "shipment_id": "b"}', 400, "/shipment_id", JSON, attributes()),
    Case("binary, breaks out", DATA + b',"id":"y"', 400, "", JSON, attributes()),
    Case("binary, no id", DATA, 422, "ce-id", JSON, attributes(id="")),
    Case("binary, no type", DATA, 422, "ce-type", JSON, attributes(type="")),
    Case("binary, bad time", DATA, 422, "ce-time", JSON, attributes(time="now")),
    Case("binary, bad version", DATA, 422, "ce-specversion", JSON, attributes(specversion="2.0")),
    Case("binary, bad escape", DATA, 400, "ce-subject", JSON, attributes(subject="%C0%A0")),
    Case(
        "binary, two content types", DATA, 400, "ce-datacontenttype", JSON, {**attributes(), "ce-datacontenttype": JSON}
    ),
    Case("binary, bad name", DATA, 400, "ce-my-ext", JSON, {**attributes(), "ce-my-ext": "x"}),
    Case("binary, bad data", DATA.replace(b'"CN"', b'"cn"'), 422, "/origin", JSON, attributes()),
    Case("binary, XML", b"<a/>", 415, "content-type", "application/xml", attributes()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_malformed_input_is_refused_with_its_place(door: Door, case: Case) -> None:
    before = await door.ends()
    headers = {"content-type": case.content_type, **case.headers} if case.content_type else case.headers
    answer = await door.client.post("/v1/events", content=case.body, headers=headers)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == case.status
    assert problem["title"]
    assert [error.get("header", error.get("pointer")) for error in problem["errors"]] == [case.place]
    assert all(error["detail"] for error in problem["errors"])
    assert await door.ends() == before


async def test_the_clock_is_not_moved_from_outside(strict_door: Door) -> None:
    before = await strict_door.ends()
    answer = await strict_door.post(json.dumps(trade_event("lanewatch.clock.ticked")).encode())
    assert answer.status_code == 403
    assert "replay" in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == "/type"
    assert await strict_door.ends() == before


@pytest.mark.parametrize("method, path, status", [("GET", "/v1/events", 405), ("POST", "/v1/event", 404)])
async def test_wrong_door_is_a_problem_too(door: Door, method: str, path: str, status: int) -> None:
    answer = await door.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
