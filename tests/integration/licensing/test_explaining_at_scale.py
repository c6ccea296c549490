"""What is asked of one thing is answered by an index, however large the books and however busy the thing."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.licensing.api.histories import TERMS_TYPES
from services.licensing.store import drawing, explaining, policies, reads

ROWS = 100_000
MOST_ROWS_READ = 4000
"""An answer holds a thousand of anything at most; joins and the balances of parts come to it."""

FILL = """
INSERT INTO licensing.licence (licence_id, state, since, exporter, valid_from, valid_until, terms, opens, stops)
    SELECT 'L-' || n, 'active', now(), 'X' || n % 500, now(), now(), '{}', '[]', '[]' FROM generate_series(1, :rows) n;
INSERT INTO licensing.account SELECT 'licence:L-' || n || ':1', 'MGM', 1000000, 0, 0, 0, 1
    FROM generate_series(1, :rows) n;
INSERT INTO licensing.account SELECT 'quota:Q', 'MGM', 1000000000, 0, 0, 0, :rows;
INSERT INTO licensing.quota VALUES ('Q', '{}', '{}');
INSERT INTO licensing.quota SELECT 'Q-' || n, '{}', '{}' FROM generate_series(1, 1000) n;
INSERT INTO licensing.ledger_entry SELECT 'licence:L-' || n || ':1', 1, 'grant', 1000000, 0, 0, 1000000, 0, NULL, NULL,
    '/s l' || n FROM generate_series(1, :rows) n;
INSERT INTO licensing.ledger_entry SELECT 'quota:Q', n, CASE n WHEN 1 THEN 'grant' ELSE 'reserve' END,
    CASE n WHEN 1 THEN 1000000 ELSE 0 END, CASE n WHEN 1 THEN 0 ELSE 1 END, 0, 1000001 - n, 0, 'S-' || n, 1, '/s d' || n
    FROM generate_series(1, :rows) n;
INSERT INTO licensing.shipment SELECT 'S-' || n, '{"lines": []}', now(), '{}', 'X', 'declared', false, NULL,
    'permitted', 1, 'reserved', '[]' FROM generate_series(1, :rows) n;
INSERT INTO licensing.decision SELECT 'S-' || n || '#1', 'S-' || n, 'permitted', '[]', '{}', '1', '/s d' || n, now()
    FROM generate_series(1, :rows) n;
INSERT INTO licensing.decision_on_licence SELECT 'L-' || CASE WHEN n % 2 = 0 THEN 1 ELSE n END,
    now() - n * interval '1 s', 'S-' || n || '#1' FROM generate_series(1, :rows) n;
INSERT INTO licensing.event (source, id, type, time, body_hash, partition, kafka_offset, status, outcome, entity, body,
    number, applied_no)
    SELECT '/s', kind || n, type, now(), ''::bytea, 0, n, 'decided', 'applied', coalesce(busy, entity || n),
           '{}'::bytea, start * :rows + n, start * :rows + n
    FROM generate_series(1, :rows) n, (VALUES
        ('d', 'trade.shipment.declared', 'shipment:S-', NULL, 0),
        ('l', 'trade.licence.issued', 'licence:L-', NULL, 1),
        ('t', 'trade.licence.amended', NULL, 'licence:L-1', 2)) AS o(kind, type, entity, busy, start);
INSERT INTO licensing.lane_change SELECT 'lane:' || n, 1, 'dormant', 'flowing', now(), '[]', '/s l' || n
    FROM generate_series(1, :rows) n;
INSERT INTO licensing.finding SELECT 'S-' || n || '#1', 'busy', n % (:rows / 5) = 0, 'S-' || n,
    CASE WHEN n <= 3 THEN 'v1' ELSE 'v2' END, 'note', 'info', '{1}', 'x', now() + n * interval '1 s'
    FROM generate_series(1, :rows) n;
INSERT INTO licensing.finding SELECT 'S-' || n || '#1', CASE n WHEN 77 THEN 'rare' ELSE 'breaks' END, n != 77,
    'S-' || n, 'v2', 'note', 'info', '{1}', 'x', now() + n * interval '1 s' FROM generate_series(1, 90) n;
INSERT INTO licensing.dead_letter SELECT 0, n, '/s', 'x' || n, 'no', NULL, ''::bytea FROM generate_series(1, :rows) n;
"""
Question = Callable[[AsyncConnection], Awaitable[Any]]
NOW = datetime(9999, 1, 1, tzinfo=UTC)

QUESTIONS: dict[str, Question] = {
    "shipment": lambda c: explaining.shipment(c, "S-77"),
    "event of a shipment": lambda c: explaining.event(c, "/s", "d77"),
    "event of a busy licence": lambda c: explaining.event(c, "/s", "t77"),
    "event that died": lambda c: explaining.event(c, "/s", "x77"),
    "event that none saw": lambda c: explaining.event(c, "/s", "none"),
    "licence": lambda c: reads.licence(c, "L-77"),
    "decisions on a licence": lambda c: explaining.decisions_on(c, "L-77", 100, None),
    "decisions on a busy licence": lambda c: explaining.decisions_on(c, "L-1", 100, None),
    "older decisions on it": lambda c: explaining.decisions_on(c, "L-1", 100, (NOW, "S-9#1")),
    "history of a licence": lambda c: explaining.history(c, "licence:L-77", 100, ""),
    "history of a busy licence": lambda c: explaining.history(c, "licence:L-1", 100, ""),
    "older history of it": lambda c: explaining.history(c, "licence:L-1", 100, "250000:250000"),
    "terms before": lambda c: explaining.terms_before(c, "licence:L-1", "250000:250000", TERMS_TYPES),
    "quota": lambda c: reads.quota(c, "Q"),
    "ledger of a busy account": lambda c: reads.ledger(c, "quota:Q", 100, 0),
    "its latest entries": lambda c: reads.ledger(c, "quota:Q", 100, 0, is_newest_first=True),
    "entries before": lambda c: reads.ledger(c, "quota:Q", 100, 50_000, is_newest_first=True),
}


def asked(
    rule: str | None = None, shipment: str | None = None, rulebook: str | None = None, *, failed: bool | None = None
) -> Question:
    return lambda c: policies.findings(c, (rule, shipment, rulebook), failed, 100, None)


FINDINGS: dict[str, tuple[Question, int]] = {
    "all": (asked(), 100),
    "older": (lambda c: policies.findings(c, (None, None, None), None, 100, (NOW, "S-9#1", "busy", False)), 100),
    "that failed": (asked(failed=True), 94),
    "that did not": (asked(failed=False), 100),
    "of a busy rule": (asked("busy"), 100),
    "where a busy rule failed": (asked("busy", failed=True), 5),
    "where a rule spoke that always fails": (asked("breaks", failed=False), 0),
    "of a rare rule": (asked("rare"), 1),
    "of a shipment": (asked(shipment="S-77"), 2),
    "of an old rulebook": (asked(rulebook="v1"), 3),
}


@pytest.fixture
async def books(engine: AsyncEngine) -> AsyncEngine:
    async with engine.begin() as c:
        for statement in FILL.split(";\n"):
            if statement.strip():
                await c.exec_driver_sql(statement.replace(":rows", str(ROWS)))
    async with engine.connect() as c:
        await (await c.execution_options(isolation_level="AUTOCOMMIT")).exec_driver_sql("VACUUM ANALYZE")
    return engine


def literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case list():
            return f"ARRAY[{', '.join(map(literal, value))}]"
        case int():
            return str(value)
        case datetime():
            return f"'{value.isoformat()}'"
    return "'{}'".format(str(value).replace("'", "''"))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


async def plans(engine: AsyncEngine, question: Question, mode: str) -> list[dict[str, Any]]:
    """Ask, and return what PostgreSQL did for each statement, planned for its parameters or for any."""
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def note(_: Any, __: Any, statement: str, parameters: tuple[Any, ...], *___: Any) -> None:
        asked.append((statement, parameters))

    async with engine.connect() as c:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        try:
            await question(c)
        finally:
            event.remove(engine.sync_engine, "before_cursor_execute", note)
        await c.exec_driver_sql(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
        found = []
        for number, (statement, parameters) in enumerate(asked):
            await c.exec_driver_sql(f"PREPARE asked_{number} AS {statement}")
            arguments = f"({', '.join(map(literal, parameters))})" if parameters else ""
            run = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked_{number}{arguments}"
            (plan,) = json.loads(json.dumps((await c.exec_driver_sql(run)).scalar_one()))
            found.append(plan["Plan"])
            await c.exec_driver_sql(f"DEALLOCATE asked_{number}")
    return found


async def test_every_question_goes_by_an_index_and_reads_little(books: AsyncEngine) -> None:
    for name, question in QUESTIONS.items():
        await assert_goes_by_an_index(books, name, question)


async def test_findings_are_found_by_indexes_whatever_is_asked(books: AsyncEngine) -> None:
    for name, (question, count) in FINDINGS.items():
        async with books.connect() as c:
            assert len(await question(c)) == count, name
        await assert_goes_by_an_index(books, name, question)
    # By one index or the other: with both together all of the rule's may have to be gone through.
    await assert_goes_by_an_index(books, "of both", asked("busy", rulebook="v1"), 2 * ROWS)


async def assert_goes_by_an_index(
    books: AsyncEngine, name: str, question: Question, most: int = MOST_ROWS_READ
) -> None:
    for mode in ("custom", "generic"):
        found = await plans(books, question, mode)
        assert found, name
        for plan in found:
            for node in nodes(plan):
                assert node["Node Type"] != "Seq Scan", (name, mode, node)
                read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                assert read * node["Actual Loops"] <= most, (name, mode, node)


async def test_a_forecast_of_a_busy_quota_reads_its_latest_entries_alone_and_by_indexes(books: AsyncEngine) -> None:
    for mode in ("custom", "generic"):
        (plan,) = await plans(books, lambda c: drawing.accounts(c, "quota:Q", datetime.now(UTC)), mode)
        for node in nodes(plan):
            assert node["Node Type"] != "Seq Scan", (mode, node)
            read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            assert read * node["Actual Loops"] <= drawing.MOST_ENTRIES, (mode, node)
