"""A backtest foretells what rules would have decided, and can be stopped anywhere."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.backtesting import run as module
from services.licensing.backtesting.progress import State
from services.licensing.backtesting.run import backtest
from services.licensing.backtesting.workers import Job
from services.licensing.domain.monitoring.compiling import RulebookRefused
from services.licensing.domain.policy import Policy
from services.licensing.store.recorded import Span
from shared.events import Rulebook
from tests.integration.licensing.conftest import Desk
from tests.support.refused import retracted, review
from tests.support.trade import MAGNET, declared, licence, milestone, quota, regime, rule, rulebook, tick

RULES = (
    rule("heavy", "line.net_mass_mg > mass('50 kg')", "hold", says="{line.net_mass_mg} is heavy"),
    rule("used", "has(line.licence) && has(line.licence.used_mg) && line.licence.used_mg >= mass('40 kg')"),
    rule("amended", "has(line.licence) && 'CZ' in line.licence.destinations"),
    rule("quota", "line.quotas.exists(q, q.used_mg > mass('15 kg'))"),
    rule("again", "shipment.times_decided > 0", "deny"),
    rule("idle", "line.lanes.exists(l, has(l.idle_days) && l.idle_days >= 3)"),
    rule("shut", "line.lanes.exists(l, l.gate == 'shut')"),
    rule("never", "1 / (shipment.times_decided - shipment.times_decided) > 1", "deny"),
)
LOG = (
    quota(covers=[{"hs": ["850511"]}]),
    declared("FREE", commodity=MAGNET, kg="10"),
    declared("HEAVY", commodity=MAGNET, kg="60"),
    regime(),
    declared("DENIED", kg="70"),
    declared("EARLY", licence_id="L-1", kg="20", time="2025-05-01T08:00:00Z"),
    licence(),
    declared("S-1", licence_id="L-1", kg="25"),
    milestone("S-1", "cleared"),
    licence(kind="trade.licence.amended", destinations=["DE", "CZ"], time="2025-05-03T00:00:00Z"),
    declared("S-2", licence_id="L-1", kg="5", time="2025-05-03T08:00:00Z"),
    declared("S-2", licence_id="L-1", kg="6", kind="trade.shipment.corrected", time="2025-05-04T08:00:00Z"),
    tick("2025-05-09T00:00:00Z"),
    declared("LATE", licence_id="L-1", kg="1", time="2025-05-09T08:00:00Z"),
    declared("GONE", commodity=MAGNET, kg="1", id="gone"),
    retracted("shipment:GONE", "gone"),
    review("overridden", "DENIED"),
)


class Stopped(Exception):
    """As if the run had been ended."""


def candidate(*rules: dict[str, Any]) -> Rulebook:
    terms = {"version": "v2", "title": "A try", "effective_from": "2025-01-01T00:00:00Z", "rules": list(rules)}
    return msgspec.convert(terms, Rulebook)


async def run(desk: Desk, folder: Path, *rules: dict[str, Any], span: Span = Span(), **over: Any) -> State:  # noqa: B008
    url = desk.engine.url.render_as_string(hide_password=False)
    return await backtest(Job(url, desk.handler.policy, candidate(*rules), span), folder, **over)


async def emptied(engine: AsyncEngine) -> None:
    async with engine.begin() as c:
        tables = (await c.execute(text("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'licensing'"))).all()
        filled = {t.relname for t in tables} - {"register", "alembic_version"}
        await c.execute(text("ALTER TABLE licensing.ledger_entry DISABLE TRIGGER entries_are_kept"))
        await c.execute(text("TRUNCATE " + ", ".join(f"licensing.{name}" for name in filled)))
        await c.execute(text("ALTER TABLE licensing.ledger_entry ENABLE TRIGGER entries_are_kept"))
        await c.execute(text("UPDATE licensing.register SET clock = NULL"))


async def spoken(desk: Desk) -> dict[str, tuple[int, int]]:
    rows = await desk.sql(
        "SELECT rule_id, count(*) FILTER (WHERE NOT has_failed) AS spoke, count(*) FILTER (WHERE has_failed) AS failed"
        " FROM licensing.finding GROUP BY rule_id"
    )
    return {row.rule_id: (row.spoke, row.failed) for row in rows}


async def test_a_backtest_foretells_what_the_rules_say_once_they_are_in_force(
    desk: Desk, engine: AsyncEngine, policy: Policy, tmp_path: Path
) -> None:
    """Notes only, so that the books of both runs are the same."""
    notes = [{**each, "effect": "note"} for each in RULES]
    await desk.feed(*LOG)
    state = await run(desk, tmp_path, *notes)
    await emptied(engine)
    again = Desk(engine, policy)
    await again.feed(rulebook("v2", *notes), *LOG)
    told = {name: (of.speaks, of.fails) for name, of in state.tally.by_rule.items()}
    said = await spoken(again)
    # What an officer overrode is asked again in truth; a backtest leaves it to him.
    overridden = await again.sql("SELECT rule_id, has_failed FROM licensing.finding WHERE decision_id = 'DENIED#2'")
    for row in overridden:
        spoke, failed = said[row.rule_id]
        said[row.rule_id] = (spoke - (not row.has_failed), failed - row.has_failed)
    assert told == said
    assert set(told) == {each["id"] for each in RULES}


async def test_a_backtest_lists_what_would_change_by_rule(desk: Desk, tmp_path: Path) -> None:
    await desk.feed(*LOG)
    state = await run(desk, tmp_path, *RULES)
    changes = [json.loads(line) for line in (tmp_path / "changes.ndjson").read_text().splitlines()]
    assert {c["decision_id"]: (c["was"], c["would_be"], c["rules"]) for c in changes} == {
        "HEAVY#1": ("permitted", "held", ["heavy"]),
        "S-2#2": ("permitted", "denied", ["again"]),
    }
    assert state.tally.by_outcome == {"permitted > held": 1, "permitted > denied": 1}
    heavy = state.tally.by_rule["heavy"]
    assert (heavy.speaks, heavy.stricter) == (2, 1), "what the law denied stays denied"
    assert heavy.examples == [("HEAVY#1", "permitted", "held", "60 kg is heavy")]
    assert state.tally.asked == 9
    assert state.tally.not_asked == {"it was not taken on a declaration or a correction": 2}
    assert state.done == state.total == 11


async def test_what_rules_held_and_the_candidate_does_not_would_be_milder(desk: Desk, tmp_path: Path) -> None:
    await desk.feed(rulebook("v1", rule("all", "true", "hold"), rule("some", "true")), *LOG[:3])
    state = await run(desk, tmp_path, rule("some", "true"))
    assert state.tally.by_outcome == {"held > permitted": 2}
    assert (state.tally.by_rule["all"].milder, state.tally.by_rule["all"].spoke) == (2, 2)
    assert (state.tally.by_rule["some"].spoke, state.tally.by_rule["some"].speaks) == (2, 2)


async def test_a_stopped_backtest_goes_on_where_it_was(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.feed(*LOG)
    whole = await run(desk, tmp_path / "whole", *RULES)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    seen: list[int] = []

    def stop(state: State) -> None:
        seen.append(state.done)
        if state.done == 6 and seen.count(6) == 1:
            raise Stopped

    with pytest.raises(Stopped):
        await run(desk, tmp_path / "parts", *RULES, tell=stop)
    # Killed in the middle of a page: changes were written, the state was not.
    with (tmp_path / "parts" / "changes.ndjson").open("ab") as file:
        file.write(b'{"half of')
    parts = await run(desk, tmp_path / "parts", *RULES, tell=stop)
    assert seen[:3] == [0, 3, 6]
    assert seen[3] == 6, "it goes on from the last page"
    assert parts.tally == whole.tally
    assert (tmp_path / "parts" / "changes.ndjson").read_bytes() == (tmp_path / "whole" / "changes.ndjson").read_bytes()
    assert (await run(desk, tmp_path / "parts", *RULES)).is_finished
    other = await run(desk, tmp_path / "parts", RULES[0])
    assert other.tally.by_rule.keys() == {"heavy"}, "another candidate begins anew"


async def test_a_span_of_time_is_asked_alone(desk: Desk, tmp_path: Path) -> None:
    await desk.feed(*LOG)
    day = datetime(2025, 5, 3, tzinfo=UTC)
    late = await run(desk, tmp_path / "late", *RULES, span=Span(since=day))
    early = await run(desk, tmp_path / "early", *RULES, span=Span(until=day))
    whole = await run(desk, tmp_path / "whole", *RULES)
    assert late.done + early.done == whole.done
    assert late.tally.by_outcome == {"permitted > denied": 1}
    assert early.tally.by_outcome == {"permitted > held": 1}


async def test_rules_at_fault_are_refused_before_anything_is_read(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(RulebookRefused):
        await run(desk, tmp_path, rule("bad", "shipment.mass > 1"))
