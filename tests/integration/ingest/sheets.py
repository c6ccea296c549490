"""Puts mappings and posts spreadsheets at a running ingest."""

import json
from typing import Any

import httpx

from tests.integration.ingest.door import Door
from tests.support.sheets import CSV, encoded

Told = tuple[list[dict[str, Any]], dict[str, Any]]


async def put(door: Door, mapping: dict[str, Any], name: str = "erp-1") -> dict[str, Any]:
    """Put a mapping and return what is kept. Raises AssertionError when it is refused."""
    headers = {"content-type": "application/json"}
    answer = await door.client.put(f"/v1/mappings/{name}", content=encoded(mapping), headers=headers)
    assert answer.status_code in (200, 201), answer.text
    kept: dict[str, Any] = answer.json()
    return kept


async def post(door: Door, content: Any, kind: str = CSV, *, mapping: str = "erp-1", **over: str) -> httpx.Response:
    """Post a file; `prefer` and `content_encoding` are headers, anything else is asked for in the address."""
    names = {name: over.pop(name) for name in ("prefer", "content_encoding") if name in over}
    headers = {"content-type": kind, **{name.replace("_", "-"): value for name, value in names.items()}}
    params = {"mapping": mapping, **over}
    return await door.client.post("/v1/uploads", params=params, content=content, headers=headers)


def told(answer: httpx.Response) -> Told:
    """Return what an answer says of each event, and at last."""
    *lines, summary = [json.loads(line) for line in answer.text.splitlines()]
    return lines, summary
