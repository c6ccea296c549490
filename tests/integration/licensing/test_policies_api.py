"""Rulebooks and findings over HTTP: listed, checked, compared, with every fault's place."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import jsonschema
import pytest

from lanewatch.stack import StackConfig
from tests.integration.licensing.test_api import producing
from tests.support.fresh import fresh
from tests.support.plain import PLAIN
from tests.support.running import running, until
from tests.support.topics import publish
from tests.support.trade import MAGNET, declared, rule, rulebook, tick

BY_ZERO = "1 / (shipment.times_decided - shipment.times_decided) > 1"
BODIES = [
    rulebook("v1", rule("heavy", "line.net_mass_mg > mass('50 kg')"), rule("broken", BY_ZERO, "deny"), id="v1"),
    rulebook("v2/odd", rule("heavy", "line.net_mass_mg > mass('60 kg')", "hold"), time="2025-06-01T00:00:00Z"),
    *(declared(f"S-{n}", commodity=MAGNET, kg="55", time=f"2025-05-{n:02d}T08:00:00Z") for n in range(1, 6)),
    tick("2025-05-20T00:00:00Z"),
]


@pytest.fixture(scope="module")
async def client(backbone: StackConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        fresh(backbone) as config,
        producing(config) as producer,
        running(config, "licensing", LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN) as client,
    ):
        for number, body in enumerate(BODIES, start=1):
            await publish(producer, config.topics, body)
            await until(partial(is_read, client, number), f"event {number} to be read")
        yield client


async def is_read(client: httpx.AsyncClient, count: int) -> bool:
    return bool(sum((await client.get("/v1/positions")).json().values()) == count)


async def ask(client: httpx.AsyncClient, path: str, route: str, body: Any = None) -> Any:
    """Return an answer that is as the OpenAPI document says."""
    method = "GET" if body is None else "POST"
    answer = await client.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"][route][method.lower()]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
    return answer.json()


def candidate(*rules: dict[str, Any], **over: Any) -> dict[str, Any]:
    return {"version": "v3", "title": "A try", "effective_from": "2025-01-01T00:00:00Z", "rules": list(rules), **over}


async def test_rulebooks_are_listed_and_the_one_in_force_is_marked(client: httpx.AsyncClient) -> None:
    found = (await ask(client, "/v1/policies", "/v1/policies"))["items"]
    assert [(each["version"], each["is_in_force"], each["rules"]) for each in found] == [
        ("v2/odd", False, 1),
        ("v1", True, 2),
    ]
    assert (found[1]["by"], found[1]["reason"], found[1]["caused_by"]) == ("operator", "for a test", "/test v1")


async def test_a_rulebook_is_shown_with_what_each_rule_takes(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/policies/v2%2Fodd", "/v1/policies/{version}")
    (heavy,) = found["rules"]
    assert (heavy["id"], heavy["effect"], heavy["uses"]) == ("heavy", "hold", ["line.net_mass_mg"])
    assert heavy["steps"] > 200, "it is asked of 200 lines"
    assert (await client.get("/v1/policies/none")).status_code == 404


async def test_two_versions_are_compared(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/policies/v2%2Fodd/diff", "/v1/policies/{version}/diff")
    assert (found["version"], found["against"], [rule["id"] for rule in found["removed"]]) == (
        "v2/odd",
        "v1",
        ["broken"],
    )
    fields = [each["field"] for each in found["changed"][0]["differences"]]
    assert fields == ["when", "effect"]
    assert (await client.get("/v1/policies/v1/diff", params={"against": "none"})).status_code == 404


async def test_a_candidate_is_checked_and_compared(client: httpx.AsyncClient) -> None:
    body = candidate(rule("heavy", "shipment.destination == 'DE' && line.net_mass_mg > mass('50 kg')"))
    checked = await ask(client, "/v1/policies/check", "/v1/policies/check", body)
    assert (checked["version"], checked["is_version_free"]) == ("v3", True)
    assert checked["rules"][0]["found_by"] == "shipment.destination"
    taken = await ask(client, "/v1/policies/check", "/v1/policies/check", {**body, "version": "v1"})
    assert not taken["is_version_free"]
    found = await ask(client, "/v1/policies/diff?against=v2%2Fodd", "/v1/policies/diff", body)
    assert (found["against"], len(found["changed"]), found["unchanged"]) == ("v2/odd", 1, 0)


@pytest.mark.parametrize(
    "body, faults",
    [
        (
            candidate(rule("a", "shipment.mass > 1"), rule("b", "true &&\n 1")),
            [
                ("/rules/0/when", "line 1, column 10: shipment has no fact mass"),
                ("/rules/1/when", "line 2, column 2: "),
            ],
        ),
        (candidate(rule("a", "true"), rulez=1), [("/rulez", "unknown field")]),
        (candidate(rule("a", "true"), rule("a", "true")), [("/rules/1/id", "")]),
        (candidate({"id": "a", "when": "true", "effect": "drop", "says": "x"}), [("/rules/0/effect", "")]),
        ([], [("", "")]),
    ],
)
@pytest.mark.parametrize("route", ["check", "diff"])
async def test_every_fault_is_told_with_its_place(
    client: httpx.AsyncClient, route: str, body: Any, faults: list[tuple[str, str]]
) -> None:
    answer = await client.post(f"/v1/policies/{route}", json=body)
    assert answer.status_code == 422
    told = answer.json()["errors"]
    assert [each["pointer"] for each in told] == [pointer for pointer, _ in faults]
    assert all(says in each["detail"] for each, (_, says) in zip(told, faults, strict=True)), told


async def test_what_is_no_rulebook_by_type_or_size_is_refused(client: httpx.AsyncClient) -> None:
    text = await client.post("/v1/policies/check", content=b"x", headers={"content-type": "text/csv"})
    assert text.status_code == 415
    json = {"content-type": "application/json"}
    large = await client.post("/v1/policies/check", content=b" " * (1024 * 1024 + 1), headers=json)
    assert large.status_code == 413


async def all_findings(client: httpx.AsyncClient, **asked: Any) -> list[tuple[str, str, bool]]:
    found, cursor = [], ""
    while True:
        page = (await client.get("/v1/findings", params={"limit": 2, "cursor": cursor, **asked})).json()
        found += [(each["decision_id"], each["rule_id"], each["has_failed"]) for each in page["items"]]
        if (cursor := page["next"]) is None:
            return found


async def test_findings_are_told_the_latest_first_page_by_page(client: httpx.AsyncClient) -> None:
    await ask(client, "/v1/findings", "/v1/findings")
    found = await all_findings(client)
    assert found == [(f"S-{n}#1", name, name == "broken") for n in range(5, 0, -1) for name in ("heavy", "broken")]


@pytest.mark.parametrize(
    "asked, count",
    [
        ({"failed": True}, 5),
        ({"failed": False}, 5),
        ({"rule": "heavy"}, 5),
        ({"rule": "heavy", "failed": True}, 0),
        ({"shipment_id": "S-3"}, 2),
        ({"shipment_id": "S-3", "rule": "broken", "rulebook": "v1"}, 1),
        ({"rulebook": "v2/odd"}, 0),
    ],
)
async def test_findings_are_found_by_what_they_are(
    client: httpx.AsyncClient, asked: dict[str, Any], count: int
) -> None:
    assert len(await all_findings(client, **asked)) == count


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyIyMDI1LTA1LTAyIiwiYSIsImIiLHRydWVd"])
async def test_a_cursor_that_is_none_is_refused_with_its_name(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/findings", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/cursor"
