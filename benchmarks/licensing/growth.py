"""Ours again with years of business already there: a million licences and ten million ledger entries.

A thousand licences and their shipments go through the real handler; what it wrote is then copied
under other names, so every row is as the service writes it, and the project's own audit must find
nothing wrong. What is measured draws on licences of the stock at random, as well as on new ones.
"""

import hashlib
import random
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.ground import ensure_database, filled, fresh_database
from benchmarks.licensing.catalogue import Connection
from benchmarks.licensing.copying import copy_all, tag_of
from benchmarks.licensing.load import PAST, START, Permit, make_log, make_stock
from benchmarks.licensing.ours import VERSIONS
from benchmarks.licensing.priming import TOPIC, feed, prime
from benchmarks.report import Figure, spread
from benchmarks.worker import Outcome, run_worker
from lanewatch.stack import StackConfig
from lanewatch.stack.postgres import connect, drop_database
from services.licensing.store.audits import audit

COPIES = 1000
LICENCES = 1000
TAG = "T000"
IN_USE = 20
"""Of each licence of the stock so many copies are named by what is measured."""
GOAL = 1.2
_LANES = """
    UPDATE licensing.lane SET stats = jsonb_set(stats::jsonb, '{opening}', (
        SELECT jsonb_object_agg(key, value::numeric * $1) FROM jsonb_each(stats::jsonb->'opening')))::text
"""
"""A lane's sums over its licences grow with them."""


async def measure(config: StackConfig, events: int, rounds: int, scale: float) -> tuple[Figure, list[str]]:
    """Measure ours in turn with the stock alone and with all its copies."""
    copies = max(2, int(COPIES * scale))
    grown, sizes = await grown_database(config, "grown", copies)
    small_ones, grown_ones = list[Outcome](), list[Outcome]()
    # The first round finds nothing of the stock in memory; a service that runs does, and is what is asked for.
    for number in range(rounds + 1):
        start, tag = await _next_day(grown), secrets.token_hex(2)
        for is_grown in (False, True) if number % 2 else (True, False):
            stock = _named(make_stock(LICENCES, TAG)[1], copies if is_grown else 1)
            bodies = make_log(events, tag, seed=number, start=start, stock=stock)
            log = await filled(config, f"growth-{tag}-{is_grown}", bodies)
            if is_grown:
                outcome = await _once(replace(log, database=grown.database), start, events)
            else:
                outcome = await _once_small(log, start, events)
            if number:
                (grown_ones if is_grown else small_ones).append(outcome)
            where = f"round {number or 'before'} {'grown' if is_grown else 'small'}"
            print(f"{where}: {outcome.per_second:,.0f}/s, cpu {outcome.cpu_seconds:.2f} s", flush=True)
    return _figure(sizes, small_ones, grown_ones)


def _named(permits: Sequence[Permit], copies: int) -> list[Permit]:
    """Return each licence under the names of some of its copies; which, the same on every call."""
    chance = random.Random(0)  # noqa: S311 - a seeded stream is the point
    return [
        replace(permit, licence_id=permit.licence_id.replace(TAG, tag_of(chance.randrange(copies), TAG)))
        for permit in permits
        for _ in range(IN_USE)
    ]


async def _once(config: StackConfig, start: datetime, events: int) -> Outcome:
    await prime(config, start)
    return await run_worker(config, "benchmarks.licensing.ours", str(events))


async def _once_small(config: StackConfig, start: datetime, events: int) -> Outcome:
    async with fresh_database(config) as own:
        await _stock(own)
        return await _once(own, start, events)


async def _stock(config: StackConfig) -> None:
    await prime(config, PAST)
    await feed(config, make_stock(LICENCES, TAG)[0])


async def grown_database(config: StackConfig, kind: str, copies: int) -> tuple[StackConfig, str]:
    """Return the grown database and what is in it; it is filled unless it is there, complete and of this schema."""
    name = f"{kind}_{copies}_{_schema()}"
    connection = await connect(config, "postgres")
    for row in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{kind}%"):
        if row["datname"] != name:
            await drop_database(connection, row["datname"])
    await connection.close()
    grown = await ensure_database(config, name)
    connection = await connect(grown, name)
    if not await connection.fetchval("SELECT to_regclass('public.grown') IS NOT NULL"):
        await connection.execute("DROP SCHEMA IF EXISTS licensing CASCADE")
        await _fill(grown, connection, copies)
    sizes = str(await connection.fetchval("SELECT sizes FROM public.grown"))
    await connection.close()
    return grown, sizes


def _schema() -> str:
    """Return a name for the present schema."""
    migrations = b"".join(path.read_bytes() for path in sorted(VERSIONS.glob("*.py")))
    return hashlib.sha256(migrations).hexdigest()[:8]


async def _fill(grown: StackConfig, connection: Connection, copies: int) -> None:
    await _stock(grown)
    await copy_all(connection, TAG, copies - 1)
    await connection.execute(_LANES, copies)
    await _require_sound_books(grown)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    entries = await connection.fetchval("SELECT count(*) FROM licensing.ledger_entry")
    licences = await connection.fetchval("SELECT count(*) FROM licensing.licence")
    sizes = f"{entries:,} ledger entries and {licences:,} licences"
    await connection.execute(f"CREATE TABLE public.grown AS SELECT '{sizes}' AS sizes")


async def _require_sound_books(grown: StackConfig) -> None:
    """Let the project's audit look at what was copied. Raises RuntimeError when it finds a fault."""
    engine = create_async_engine(grown.database_url)
    async with engine.begin() as c:
        found = await audit(c, TOPIC)
    await engine.dispose()
    faults = {name: found[name] for name in ("overdrawn_accounts", "unbalanced_accounts") if found[name]}
    if faults:
        raise RuntimeError(f"the copied books do not agree: {faults}")


async def _next_day(grown: StackConfig) -> datetime:
    """Return a start later than anything measured there before."""
    connection = await connect(grown, grown.database)
    clock = await connection.fetchval("SELECT clock FROM licensing.register")
    await connection.close()
    days = 0 if clock is None or clock < START else (clock - START) // timedelta(days=1) + 1
    return START + timedelta(days=days)


def _figure(sizes: str, small: Sequence[Outcome], grown: Sequence[Outcome]) -> tuple[Figure, list[str]]:
    times = [a.per_second / b.per_second for a, b in zip(small, grown, strict=True)]
    figure = Figure(
        name=f"slower with {sizes} there",
        unit="times",
        ours=median(times),
        goal=f"not more than {GOAL:g}",
        met=median(times) <= GOAL,
    )
    notes = [f"Growth: {spread(times)} times slower with {sizes} than with {LICENCES:,} licences."]
    for where, outcomes in (("small", small), ("grown", grown)):
        cpu = median(outcome.cpu_seconds / outcome.events for outcome in outcomes)
        rates = spread([outcome.per_second for outcome in outcomes])
        notes.append(f"{where} database: {rates} events/s, {cpu * 1e6:,.0f} µs of a processor an event.")
    return figure, notes
