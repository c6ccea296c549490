"""The index on PostgreSQL finds what the definition says, and its cost grows with the matches."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.domain.conditions import ask
from services.alerts.domain.facts import AlertFacts
from services.alerts.domain.filters import KINDS, KNOWN_PATTERNS, SEVERITIES, Filter, matches
from services.alerts.domain.wishes import Ordering
from services.alerts.matching import match
from services.alerts.store import SCHEMA, VERSIONS, intake, subscriptions
from services.alerts.store.intake import NewAlert
from services.alerts.store.subscriptions import NewSubscription
from shared.cloudevents import read_alert
from shared.database import make_engine, transaction, upgrade_schema
from shared.events import EVERYWHERE, FOR_EVERYONE, WORLD, Scope, Severity
from shared.examples import alert_event
from tests.integration.alerts.waiting import eventually

WORDS = ("a", "b", "c")


def some(words: tuple[str, ...], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=least, max_size=2, unique=True).map(tuple)


CONDITIONS = (
    "alert.severity_rank >= 2",
    "'a' in alert.commodity_groups || alert.origin == 'b'",
    "has(alert.exporter) && alert.exporter == 'b'",
    "has(alert.left_mg) && alert.left_mg > mass('5 t')",
    "1 / (alert.severity_rank - 1) > 0",  # fails on what is a notice, which is then wanted
    "false",
)
FILTERS = st.builds(
    Filter,
    commodity_groups=some(WORDS),
    origins=some(WORDS),
    destinations=some(("DE", "FR", WORLD)),
    exporters=some(WORDS),
    kinds=some(tuple(sorted(KNOWN_PATTERNS))),
    min_severity=st.sampled_from(SEVERITIES),
    condition=st.none() | st.sampled_from(CONDITIONS),
)
SCOPES = st.builds(
    Scope,
    commodity_groups=some(WORDS),
    origin=st.sampled_from(WORDS),
    destinations=some(("DE", "FR", WORLD, EVERYWHERE), least=1),
    exporter=st.none() | st.sampled_from(WORDS),
)
ALERTS = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(SEVERITIES), SCOPES)
NOW = datetime.now(UTC)
EXPIRIES = st.sampled_from((None, NOW - timedelta(days=1), NOW + timedelta(days=1)))
WANTED = st.tuples(FILTERS, st.sampled_from(("lane", "none")), EXPIRIES)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = make_engine(database_url, "tests")
    await upgrade_schema(made, SCHEMA, VERSIONS)
    yield made
    await made.dispose()


def alert(number: int, kind: str, severity: Severity, scope: Scope) -> NewAlert:
    event = alert_event(kind)
    event["data"] |= {"scope": msgspec.to_builtins(scope), "severity": severity}
    return NewAlert("/s", str(number), kind, severity, "lane", NOW, msgspec.json.encode(event), scope)


def is_wanted(wanted: Filter, expires_at: datetime | None, alert: NewAlert) -> bool:
    """Return whether an alert is for a subscription, one by one and without an index."""
    if not matches(wanted, alert.kind, alert.severity, alert.scope) or (expires_at is not None and expires_at <= NOW):
        return False
    if wanted.condition is None or alert.kind in FOR_EVERYONE:
        return True
    return ask(wanted.condition, AlertFacts(read_alert(alert.body))).is_wanted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WANTED, min_size=1, max_size=12), st.lists(ALERTS, min_size=1, max_size=12))
async def test_the_index_agrees_with_the_definition(
    engine: AsyncEngine,
    filters: list[tuple[Filter, Ordering, datetime | None]],
    alerts: list[tuple[str, Severity, Scope]],
) -> None:
    async with engine.connect() as connection:  # rolled back at the end
        wanted_by = {}
        for wanted, ordering, expires_at in filters:
            new_one = NewSubscription("n", "u", wanted, None, None, ordering=ordering, expires_at=expires_at)
            made = await subscriptions.create(connection, new_one)
            assert made is not None
            wanted_by[made.subscription_id] = (wanted, ordering, expires_at)
        new = [alert(number, *drawn) for number, drawn in enumerate(alerts)]
        numbers = await intake.insert_alerts(connection, new)
        assert [numbers[a.source, a.id] for a in new] == sorted(numbers.values()), "numbers follow the given order"
        await match(connection, [(numbers[a.source, a.id], a) for a in new])
        rows = (await connection.execute(text("SELECT * FROM alerts.delivery ORDER BY sequence"))).all()
    assert {(row.subscription_id, row.alert_no) for row in rows} == {
        (subscription_id, numbers[a.source, a.id])
        for a in new
        for subscription_id, (wanted, _, expires_at) in wanted_by.items()
        if is_wanted(wanted, expires_at, a)
    }
    for subscription_id, (_, ordering, _) in wanted_by.items():
        mine = [row for row in rows if row.subscription_id == subscription_id]
        assert [row.sequence for row in mine] == list(range(1, len(mine) + 1))
        assert [row.alert_no for row in mine] == sorted(row.alert_no for row in mine)
        assert {row.order_key for row in mine} <= ({"lane"} if ordering == "lane" else {None})


async def test_a_subscription_waits_for_alerts_that_are_being_matched(engine: AsyncEngine) -> None:
    """Else it could be committed before an alert that was matched without it."""

    async def create() -> None:
        async with transaction(engine) as connection:
            await subscriptions.create(connection, NewSubscription("n", "u", Filter(), None, None))

    async with transaction(engine) as connection:
        await intake.share_subscriptions(connection)
        creating = asyncio.create_task(create())

        async def is_waiting() -> bool:
            async with transaction(engine) as other:
                return bool((await other.execute(text(WAITING))).scalar_one())

        await eventually(lambda: creating.done() or is_waiting())
        assert not creating.done()
    await asyncio.wait_for(creating, 5)


WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"""


async def test_the_cost_grows_with_the_matches(engine: AsyncEngine) -> None:
    scope = Scope(commodity_groups=("rare",), origin="CN", destinations=("DE",))
    async with transaction(engine) as connection:
        await subscriptions.create(
            connection, NewSubscription("x", "u", Filter(commodity_groups=("rare",)), None, None)
        )
        await connection.execute(
            text("""
            WITH many AS (
                INSERT INTO alerts.subscription (name, url, filter, exporters, kinds, min_severity)
                SELECT 'n', 'u', '{}', '{}', '{}', 0 FROM generate_series(1, 20000) RETURNING subscription_id
            )
            INSERT INTO alerts.filter_key SELECT 'group-' || row_number() OVER (), 'CN', 'DE', subscription_id
            FROM many""")
        )
        await connection.execute(text("ANALYZE alerts.filter_key"))
        await connection.execute(text("ANALYZE alerts.subscription"))
        new = alert(0, "lanewatch.lane.changed", "critical", scope)
        numbers = await intake.insert_alerts(connection, [new])
        await match(connection, [(numbers["/s", "0"], new)])  # warm
        before = (await connection.execute(text(READS))).one()
        numbers = await intake.insert_alerts(connection, [new._replace(id="1")])
        await match(connection, [(numbers["/s", "1"], new)])
        after = (await connection.execute(text(READS))).one()
    assert after.scanned - before.scanned == 0
    assert after.fetched - before.fetched < 20


READS = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid)) AS scanned, sum(pg_stat_get_xact_tuples_fetched(oid)) AS fetched
FROM pg_class WHERE oid IN ('alerts.filter_key'::regclass, 'alerts.subscription'::regclass)"""
