"""Monitoring rules on a real database: rolled out, asked by every worker, recorded."""

import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.domain.policy import Policy
from tests.integration.licensing.conftest import Desk
from tests.support.refused import retracted
from tests.support.trade import MAGNET, declared, licence, regime, rule, rulebook

HEAVY = "shipment.net_mass_mg > mass('50 kg')"
BY_ZERO = "1 / (shipment.times_decided - shipment.times_decided) > 1"


async def reasons(desk: Desk, shipment_id: str) -> list[dict[str, Any]]:
    found = await desk.shipment(shipment_id)
    return json.loads(bytes(found["decisions"][-1]["reasons"]))  # type: ignore[no-any-return]


async def test_another_worker_asks_the_rules_that_one_took_in(desk: Desk, engine: AsyncEngine, policy: Policy) -> None:
    await desk.feed(rulebook("v1", rule("heavy", HEAVY, "hold")))
    other = Desk(engine, policy, partition=1)
    await other.feed(declared("S1", commodity=MAGNET))
    assert (await desk.shipment("S1"))["outcome"] == "held"
    (said,) = [r for r in await reasons(desk, "S1") if r["rule"].startswith("monitoring.")]
    assert said["figures"] == {"rulebook": "v1", "severity": "warning"}


async def test_what_rules_say_stands_in_the_record_by_rule(desk: Desk) -> None:
    rules = (rule("heavy", HEAVY, severity="critical"), rule("broken", BY_ZERO, "deny"))
    await desk.feed(rulebook("v1", *rules), declared("S1", commodity=MAGNET), declared("S2", commodity=MAGNET, kg="1"))
    rows = await desk.sql("SELECT * FROM licensing.finding ORDER BY decision_id, rule_id")
    assert [(r.decision_id, r.rule_id, r.has_failed, r.severity, r.says) for r in rows] == [
        ("S1#1", "broken", True, "warning", "rule broken failed on this shipment: division by zero"),
        ("S1#1", "heavy", False, "critical", "heavy spoke"),
        ("S2#1", "broken", True, "warning", "rule broken failed on this shipment: division by zero"),
    ]
    assert (await desk.shipment("S2"))["outcome"] == "permitted"


async def test_a_rulebook_at_fault_goes_to_the_dead_letters_with_every_fault(desk: Desk) -> None:
    bad = rulebook("v1", rule("one", "shipment.mass > 1"), rule("two", "1 +"), id="bad")
    assert await desk.feed(bad, declared("S1", commodity=MAGNET)) == 1
    (letter,) = (await desk.event("bad"))["dead_letters"]
    assert letter["pointer"] == "/data/rules/0/when"
    assert "/data/rules/0/when: line 1, column 10: shipment has no fact mass" in letter["reason"]
    assert "/data/rules/1/when: line 1, column 4" in letter["reason"]
    assert (await desk.shipment("S1"))["outcome"] == "permitted"


async def test_a_rulebook_that_is_taken_back_is_gone_for_every_worker(
    desk: Desk, engine: AsyncEngine, policy: Policy
) -> None:
    await desk.feed(rulebook("v1", rule("heavy", HEAVY, "hold"), id="first"))
    await desk.feed(retracted("policy:monitoring", "first"))
    other = Desk(engine, policy, partition=1)
    await other.feed(
        declared("S1", commodity=MAGNET), rulebook("v1", rule("light", "true"), time="2025-05-01T00:00:00Z")
    )
    await desk.feed(declared("S2", commodity=MAGNET))
    assert (await desk.shipment("S1"))["outcome"] == "permitted"
    assert [r["rule"] for r in await reasons(desk, "S2")] == ["regime.none", "monitoring.light"]


async def test_a_rule_that_an_older_version_took_and_this_one_does_not_fails_and_holds_nothing_up(desk: Desk) -> None:
    await desk.feed(rulebook("v1", rule("old", "true", "deny"), rule("heavy", HEAVY)))
    await desk.sql(
        "UPDATE licensing.rulebook SET terms = replace(terms, '\"true\"', '\"shipment.gone\"'), digest = 'other'"
        " RETURNING 1"
    )
    await desk.feed(declared("S1", commodity=MAGNET))
    said = {r["rule"]: r["says"] for r in await reasons(desk, "S1")}
    assert said["monitoring.old"].startswith("rule old failed on this shipment: it no longer compiles: ")
    assert said["monitoring.heavy"] == "heavy spoke"
    assert (await desk.shipment("S1"))["outcome"] == "permitted"


async def test_a_decision_records_what_it_was_judged_on(desk: Desk) -> None:
    await desk.feed(regime(), licence(), declared("S1", licence_id="L-1", kg="100"))
    await desk.feed(declared("S2", licence_id="L-1", kg="100"))
    rows = await desk.sql("SELECT rulebook, basis FROM licensing.decision ORDER BY decision_id")
    accounts = [json.loads(row.basis)[1] for row in rows]
    assert accounts == [[["licence:L-1:1", 10**9, 0]], [["licence:L-1:1", 10**9, 10**8]]]
    assert [row.rulebook for row in rows] == [None, None]
