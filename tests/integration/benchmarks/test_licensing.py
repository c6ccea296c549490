"""What the benchmark of licensing compares is what it says it compares."""

from typing import Any

import pytest

from benchmarks.ground import filled, fresh_database
from benchmarks.licensing import floor, growth
from benchmarks.licensing.catalogue import tables
from benchmarks.licensing.journal import take_down
from benchmarks.licensing.load import START, make_log
from benchmarks.licensing.priming import prime, settings_of
from lanewatch.stack import StackConfig
from lanewatch.stack.postgres import connect

EVENTS = 700


@pytest.fixture
async def log(fresh_config: StackConfig) -> StackConfig:
    return await filled(fresh_config, fresh_config.database, make_log(EVENTS, "T000"))


async def rows(config: StackConfig) -> dict[str, list[tuple[Any, ...]]]:
    """Read every table, but for when the database took its rows in."""
    found = {}
    connection = await connect(config, config.database)
    for table in await tables(connection):
        columns = ", ".join(name for name in table.columns if name != "recorded_at")
        written = await connection.fetch(f"SELECT {columns} FROM {table.name}")  # noqa: S608 - from the catalogue
        found[table.name] = sorted(map(tuple, written), key=repr)
    await connection.close()
    return found


async def test_the_floor_writes_what_ours_wrote(log: StackConfig) -> None:
    async with fresh_database(log) as one, fresh_database(log) as other:
        for config in (one, other):
            await prime(config, START)
        journal = await take_down(one, EVENTS)
        outcome = await floor.drain(settings_of(other), floor.statements(journal), EVENTS)
        assert outcome.events == EVENTS
        by_ours, by_floor = await rows(one), await rows(other)
    assert len(by_ours["licensing.ledger_entry"]) > EVENTS // 4
    for table, written in by_ours.items():
        assert by_floor[table] == written, table


async def test_ours_goes_on_in_books_that_were_multiplied(
    fresh_config: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LICENCES", 100)
    figure, notes = await growth.measure(fresh_config, 200, 1, 2 / growth.COPIES)
    assert "200 licences" in figure.name
    assert figure.ours > 0, notes
