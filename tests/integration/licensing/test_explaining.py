"""What was decided and why, over HTTP: as JSON with every figure, and as pages that say the same."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import jsonschema
import pytest

from lanewatch.stack import StackConfig
from tests.integration.licensing.test_api import producing, schema_of
from tests.support.fresh import fresh
from tests.support.pages import Page, read_page
from tests.support.plain import PLAIN
from tests.support.running import running, until
from tests.support.topics import publish
from tests.support.trade import MAGNET, declared, event, licence, milestone, quota, regime, rule, rulebook

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SENTENCE = "licence L-7 line 2: 1,200 kg asked, 950 kg left of 5,000 kg; tolerance 0"
SCRIPT = "<script>alert(1)</script>"
ODD = 'L/"7"&\'ä:x%2F<b>/ledger'
MAY = "2025-05-{:02d}T08:00:00Z"


def lines_of_l7(kg: str) -> list[dict[str, Any]]:
    return [
        {"line_no": 1, "covers": {"hs": ["2805"]}, "mass": {"value": "10", "unit": "KGM"}},
        {"line_no": 2, "covers": {"hs": ["850511"]}, "mass": {"value": kg, "unit": "KGM"}},
    ]


def step(kind: str, day: int, event_id: str, /, **data: Any) -> bytes:
    return event(f"trade.{kind}", data, time=MAY.format(day), id=event_id)


BODIES = [
    regime(id="r18"),
    quota(kg="100000"),
    licence("L-7", lines=lines_of_l7("4000"), kind="trade.licence.applied", time="2025-04-20T00:00:00Z", id="l7-a"),
    licence("L-7", lines=lines_of_l7("5000"), id="l7-i"),
    step(
        "licence.use_brought_forward",
        1,
        "l7-b",
        licence_id="L-7",
        line_no=2,
        mass={"value": "4050", "unit": "KGM"},
    ),
    # Asks too much, is corrected, goes; a second one is taken back.
    declared("S-1", licence_id="L-7", kg="1200", id="s1-d", time=MAY.format(2)),
    declared("S-1", licence_id="L-7", kg="900", kind="trade.shipment.corrected", id="s1-c", time=MAY.format(3)),
    milestone("S-1", "cleared", id="s1-x", time=MAY.format(4)),
    declared("S-2", licence_id="L-7", kg="50", id="s2-d", time=MAY.format(5)),
    step("event.retracted", 6, "s2-r", entity="shipment:S-2", source="/test", id="s2-d", reason="posted twice"),
    licence("L-7", lines=lines_of_l7("6000"), kind="trade.licence.amended", time=MAY.format(7), id="l7-am"),
    declared("S-3", licence_id="L-none", id="s3-d", time=MAY.format(7)),
    milestone("S-2", "cleared", id="s2-x", time=MAY.format(8)),
    # What an id may hold.
    licence(ODD, exporter=SCRIPT, id="odd-l"),
    declared(SCRIPT, licence_id=ODD, exporter=SCRIPT, consignee='"><img src=x onerror=alert(1)>', id=SCRIPT),
    step("licence.suspended", 9, "odd-s", licence_id=ODD, reason=f"{SCRIPT}&amp;"),
    # Asked of monitoring rules; its line names no licence.
    rulebook("v1", rule("small", "line.net_mass_mg < mass('5 kg')", remedy="send more"), id="rules"),
    declared("S-4", commodity=MAGNET, kg="4", id="s4-d", time=MAY.format(10)),
]


@pytest.fixture(scope="module")
async def client(backbone: StackConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        fresh(backbone) as config,
        producing(config) as producer,
        running(config, "licensing", LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN) as client,
    ):
        # One after the other: nothing but a partition's own order is promised of events that are sent at once.
        for number, body in enumerate(BODIES, start=1):
            await publish(producer, config.topics, body)
            await until(partial(is_read, client, number), f"event {number} to be read")
        yield client


async def is_read(client: httpx.AsyncClient, count: int) -> bool:
    positions = (await client.get("/v1/positions")).json()
    return bool(sum(positions.values()) == count)


async def ask(client: httpx.AsyncClient, address: str) -> Any:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def open_page(client: httpx.AsyncClient, address: str, status: int = 200) -> Page:
    answer = await client.get(address, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), answer.text
    return read_page(answer.text)


def address_of(collection: str, id: str) -> str:
    return f"/v1/{collection}/{quote(id, safe='')}"


def event_at(id: str) -> str:
    return f"/v1/events?{urlencode({'source': '/test', 'id': id})}"


async def test_a_refusal_says_what_was_checked_with_its_numbers_and_what_would_make_it_pass(
    client: httpx.AsyncClient,
) -> None:
    first, *_ = (await ask(client, "/v1/shipments/S-1"))["decisions"]
    (said,) = [reason for reason in first["reasons"] if reason["rule"] == "licence.balance"]
    assert said == {
        "rule": "licence.balance",
        "says": f"line 1: {SENTENCE}",
        "figures": {
            "asked": "1,200 kg",
            "left": "950 kg",
            "granted": "5,000 kg",
            "tolerance": "0",
            "position": "licence:L-7:2#2",
        },
        "remedy": "reduce line 1 to 950 kg, or name a licence that has enough left",
        "effect": "refused",
    }
    entries = (await ask(client, "/v1/licences/L-7/ledger?part=2"))["items"]
    assert (entries[1]["kind"], entries[1]["number"], entries[1]["free_after"]) == ("brought_forward", 2, "950")
    page = await open_page(client, "/v1/shipments/S-1")
    assert any(SENTENCE in text for text in page.texts["td"])
    assert "reduce line 1 to 950 kg, or name a licence that has enough left" in page.texts["td"]


async def test_a_superseded_decision_is_marked_and_struck_but_readable(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/shipments/S-1")
    assert [(d["outcome"], d["superseded_by"]) for d in found["decisions"]] == [
        ("denied", "S-1#2"),
        ("permitted", None),
    ]
    page = await open_page(client, "/v1/shipments/S-1")
    assert f"line 1: {SENTENCE}" in page.texts["s"]
    assert "denied" in page.texts["s"]
    assert "permitted" not in page.texts["s"]
    assert "Superseded by decision S-1#2." in page.text


async def test_a_shipment_shows_its_entries_in_order_and_its_events(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/shipments/S-1")
    moved = [(e["account_id"], e["kind"], e["free_after"]) for e in found["ledger"]]
    assert moved == [
        ("licence:L-7:2", "reserve", "50"),
        ("quota:Q-1", "reserve", "99100"),
        ("licence:L-7:2", "write_off", "50"),
        ("quota:Q-1", "write_off", "99100"),
    ]
    assert [e["id"] for e in found["history"]["items"]] == ["s1-x", "s1-c", "s1-d"]
    corrected = found["history"]["items"][1]
    assert corrected["particulars"] == [{"field": "lines[1].net_mass", "was": "1,200 kg", "value": "900 kg"}]
    page = await open_page(client, "/v1/shipments/S-1")
    verdict = (
        "Shipment S-1 is permitted, as no rule refused or held it; it is cleared, and what it draws is written off."
    )
    assert verdict in page.texts["p"]
    assert {"licence L-7, line 2", "quota Q-1"} <= set(page.texts["th"])
    assert "900 kg" in page.texts["td"]
    assert "99,100 kg" in page.texts["td"]


async def test_an_event_tells_all_that_it_brought_about(client: httpx.AsyncClient) -> None:
    found = await ask(client, event_at("s1-c"))
    (decision,) = found["decisions"]
    assert (decision["decision_id"], decision["outcome"]) == ("S-1#2", "permitted")
    assert decision["ledger_entries"] == [f"{e['account_id']}#{e['number']}" for e in found["ledger"]]
    assert [(e["account_id"], e["kind"], e["reserved"]) for e in found["ledger"]] == [
        ("licence:L-7:2", "reserve", "900"),
        ("quota:Q-1", "reserve", "900"),
    ]
    granted = await ask(client, event_at("l7-i"))
    assert [(e["account_id"], e["granted"]) for e in granted["ledger"]] == [
        ("licence:L-7:1", "10"),
        ("licence:L-7:2", "5000"),
    ]
    announced = await ask(client, event_at("r18"))
    assert (announced["ledger"], announced["decisions"]) == ([], [])
    cleared = await ask(client, event_at("s1-x"))
    changed = {(c["lane_id"], c["state"]) for c in (*announced["lane_changes"], *granted["lane_changes"])}
    changed |= {(c["lane_id"], c["state"]) for c in cleared["lane_changes"]}
    lanes = {
        (lane["lane_id"], change["state"])
        for lane_id in {lane_id for lane_id, _ in changed}
        for lane in [await ask(client, address_of("lanes", lane_id))]
        for change in lane["changes"]
        if change["caused_by"] in ("/test r18", "/test l7-i", "/test s1-x")
    }
    assert changed
    assert changed == lanes


async def test_what_was_taken_back_says_by_what_and_the_other_way_round(client: httpx.AsyncClient) -> None:
    found = await ask(client, event_at("s2-d"))
    assert found["retracted_by"] == "/test s2-r"
    assert [(d["outcome"], d["superseded_by"]) for d in found["decisions"]] == [("permitted", "S-2#2")]
    retraction = await ask(client, event_at("s2-r"))
    assert [d["outcome"] for d in retraction["decisions"]] == ["withdrawn"]
    assert [e["kind"] for e in retraction["ledger"]] == ["give_back", "give_back"]
    page = await open_page(client, event_at("s2-d"))
    assert event_at("s2-r") in page.links
    assert event_at("s2-d") in (await open_page(client, event_at("s2-r"))).links
    shipment = await open_page(client, "/v1/shipments/S-2")
    assert "trade.shipment.declared" in shipment.texts["s"]


async def test_a_licence_shows_the_decisions_on_it_refusals_too_and_what_was_amended(
    client: httpx.AsyncClient,
) -> None:
    found = await ask(client, "/v1/licences/L-7")
    assert [(d["decision_id"], d["outcome"]) for d in found["decisions"]["items"]] == [
        ("S-2#2", "withdrawn"),
        ("S-2#1", "permitted"),
        ("S-1#2", "permitted"),
        ("S-1#1", "denied"),
    ]
    assert SENTENCE in found["decisions"]["items"][-1]["says"]
    told = {e["id"]: e["particulars"] for e in found["history"]["items"]}
    assert list(told) == ["l7-am", "l7-b", "l7-i", "l7-a"]
    assert told["l7-am"] == [{"field": "lines[2].mass", "was": "5,000 kg", "value": "6,000 kg"}]
    assert told["l7-i"] == [{"field": "lines[2].mass", "was": "4,000 kg", "value": "5,000 kg"}]
    assert told["l7-b"] == [
        {"field": "line_no", "was": None, "value": "2"},
        {"field": "mass", "was": None, "value": "4,050 kg"},
    ]
    assert told["l7-a"] == []
    page = await open_page(client, "/v1/licences/L-7")
    assert {"5,000 kg", "S-1", "lines[2].mass: 5,000 kg 6,000 kg"} <= {
        *page.texts["s"],
        *page.texts["th"],
        *page.texts["li"],
    }
    assert any(SENTENCE in text for text in page.texts["td"])


async def test_a_quota_shows_balance_entries_and_its_events(client: httpx.AsyncClient) -> None:
    found = await ask(client, "/v1/quotas/Q-1")
    assert [(e["kind"], e["number"]) for e in found["ledger"]["items"]][-2:] == [("reserve", 2), ("grant", 1)]
    assert [e["type"] for e in found["history"]["items"]] == ["trade.quota.opened"]
    page = await open_page(client, "/v1/quotas/Q-1")
    assert "98,996 kg of 100,000 kg are left" in page.texts["p"][0]
    assert "/v1/shipments/S-1" in page.links


@pytest.mark.parametrize(
    "start,route",
    [
        ("/v1/licences/L-7/decisions", "/v1/licences/{licence_id}/decisions"),
        ("/v1/licences/L-7/ledger?part=2&order=newest", "/v1/licences/{licence_id}/ledger"),
        ("/v1/licences/L-7/ledger?part=2", "/v1/licences/{licence_id}/ledger"),
        ("/v1/histories/licence:L-7", "/v1/histories/{entity}"),
        ("/v1/histories/shipment:S-2", "/v1/histories/{entity}"),
    ],
)
async def test_pages_of_lists_follow_on_as_json_and_as_html(client: httpx.AsyncClient, start: str, route: str) -> None:
    whole = (await ask(client, start))["items"]
    assert len(whole) >= 3
    document = (await client.get("/openapi.json")).json()
    query = f"{start}{'&' if '?' in start else '?'}limit=1"
    seen, cursor = [], None
    while True:
        page = await ask(client, f"{query}&{urlencode({'cursor': cursor})}" if cursor else query)
        jsonschema.validate(page, schema_of(document, route, "200", "application/json"))
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == whole
    rows, address = 0, query
    while address:
        found = await open_page(client, address)
        rows += len(found.texts.get("tr", [])) - ("table" in found.texts)
        following = [a["href"] for name, a in found.elements if name == "a" and a.get("rel") == "next"]
        address = f"{start.partition('?')[0]}{following[0]}" if following else ""
    assert rows == len(whole)


@pytest.mark.parametrize(
    "path,route",
    [
        ("/v1/shipments/S-1", "/v1/shipments/{shipment_id}"),
        ("/v1/shipments/S-3", "/v1/shipments/{shipment_id}"),
        (address_of("shipments", SCRIPT), "/v1/shipments/{shipment_id}"),
        ("/v1/licences/L-7", "/v1/licences/{licence_id}"),
        ("/v1/licences/L-none", "/v1/licences/{licence_id}"),
        (address_of("licences", ODD), "/v1/licences/{licence_id}"),
        ("/v1/quotas/Q-1", "/v1/quotas/{quota_id}"),
        *((event_at(event_id), "/v1/events") for event_id in ("r18", "l7-b", "s1-c", "s2-d", "s2-r", "s2-x", "never")),
    ],
)
async def test_answers_are_what_the_openapi_document_says(client: httpx.AsyncClient, path: str, route: str) -> None:
    document = (await client.get("/openapi.json")).json()
    jsonschema.validate(await ask(client, path), schema_of(document, route, "200", "application/json"))


STARTS = [
    "/v1/shipments/S-1",
    "/v1/shipments/S-2",
    "/v1/shipments/S-3",
    address_of("shipments", SCRIPT),
    address_of("licences", ODD),
    "/v1/shipments/S-4",
    "/v1/histories/clock:trade",
    event_at("rules"),
    event_at("s2-x"),
]


async def test_every_link_leads_on_and_no_page_lets_data_become_markup(client: httpx.AsyncClient) -> None:
    """The reader refuses elements and attributes that no page of ours has, such as what the ids try to bring in."""
    seen: set[str] = set()
    todo = list(STARTS)
    while todo:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        if "format=json" in address:
            await ask(client, address)
            continue
        page = await open_page(client, address)
        path = address.partition("?")[0]
        todo += [path + link if link.startswith("?") else link for link in page.links]
        assert all(link.startswith(("/v1/", "?")) for link in page.links), page.links
    assert {address_of("licences", "L-7"), "/v1/quotas/Q-1", event_at(SCRIPT)} <= seen
    assert len([address for address in seen if "format=json" not in address]) > 30


async def test_odd_ids_are_shown_as_they_are(client: httpx.AsyncClient) -> None:
    page = await open_page(client, address_of("shipments", SCRIPT))
    assert page.texts["h1"] == [f"Shipment {SCRIPT}"]
    assert page.texts["title"][0].startswith(f"Shipment {SCRIPT}")
    assert '"><img src=x onerror=alert(1)>' in page.texts["dd"]
    assert address_of("licences", ODD) in page.links
    licence_page = await open_page(client, address_of("licences", ODD))
    assert licence_page.texts["h1"] == [f"Licence {ODD}"]
    assert f"reason: {SCRIPT}&amp;" in licence_page.texts["li"]


async def test_an_encoded_slash_belongs_to_the_id(client: httpx.AsyncClient) -> None:
    assert (await ask(client, address_of("licences", ODD)))["licence_id"] == ODD
    assert (await ask(client, f"{address_of('licences', ODD)}/ledger"))["items"][0]["kind"] == "grant"
    missing = await client.get("/v1/licences/L-7%2Fledger")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "accept,kind",
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("image/png", "application/json"),
        ("text/html;q=0", "application/json"),
        (BROWSER["accept"], "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html, application/json", "text/html; charset=utf-8"),
        ("application/json;q=0.4, TEXT/*;q=0.6", "text/html; charset=utf-8"),
    ],
)
async def test_accept_decides_between_json_and_a_page(client: httpx.AsyncClient, accept: str | None, kind: str) -> None:
    headers = {"accept": accept} if accept else {}
    request = client.build_request("GET", "/v1/quotas/Q-1", headers=headers)
    if accept is None:
        del request.headers["accept"]
    answer = await client.send(request)
    assert (answer.headers["content-type"], answer.headers["vary"]) == (kind, "accept")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_link_can_ask_for_either(client: httpx.AsyncClient) -> None:
    page = await client.get("/v1/quotas/Q-1?format=html")
    assert page.headers["content-type"].startswith("text/html")
    found = await client.get("/v1/quotas/Q-1?format=json", headers=BROWSER)
    assert found.json()["quota_id"] == "Q-1"
    assert (await client.get("/v1/quotas/Q-1?format=pdf")).status_code == 422


async def test_pages_run_nothing_and_bring_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/shipments/S-1", headers=BROWSER)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    (style,) = re.findall(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert policy["style-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = read_page(answer.text)
    assert not [a for _, a in page.elements if "src" in a]
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


async def test_what_is_not_there_is_a_page_too_where_a_page_is_wanted(client: httpx.AsyncClient) -> None:
    page = await open_page(client, address_of("shipments", SCRIPT * 2), 404)
    assert page.texts["h1"] == ["There is no such shipment"]


@pytest.mark.parametrize(
    "path,pointer",
    [
        ("/v1/licences/L-7/decisions?cursor=yesterday", "/query/cursor"),
        ("/v1/licences/L-7/decisions?cursor=0001-01-01T00:00:00%2B14:00+x", "/query/cursor"),
        ("/v1/licences/L-7/decisions?cursor=%00", "/query/cursor"),
        ("/v1/histories/licence:L-7?cursor=1", "/query/cursor"),
        ("/v1/histories/licence:L-7?cursor=99999999999999999999:1", "/query/cursor"),
        ("/v1/histories/%00", "/path/entity"),
        ("/v1/quotas/Q-1/ledger?order=sideways", "/query/order"),
    ],
)
async def test_a_bad_question_names_its_fault(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_whatever_did_not_pass_has_a_remedy(client: httpx.AsyncClient) -> None:
    shown = [await ask(client, address_of("shipments", name)) for name in ("S-1", "S-2", SCRIPT)]
    reasons = [reason for found in shown for d in found["decisions"] for reason in d["reasons"]]
    assert {reason.get("effect") for reason in reasons} == {"passed", "refused", None}
    for reason in reasons:
        assert bool(reason.get("remedy")) == (reason.get("effect") != "passed"), json.dumps(reason)


async def test_a_decision_shows_what_monitoring_rules_said_of_it(client: httpx.AsyncClient) -> None:
    (decision,) = (await ask(client, "/v1/shipments/S-4"))["decisions"]
    assert decision["rulebook"] == "v1"
    said = next(reason for reason in decision["reasons"] if reason["rule"] == "monitoring.small")
    assert said["says"] == "small spoke"
    page = await open_page(client, "/v1/shipments/S-4")
    assert "and rulebook v1" in page.text
    assert "small spoke" in page.text
