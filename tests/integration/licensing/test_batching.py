"""How a log is cut into batches changes nothing: lanes, decisions and ledger are the same."""

import random

import pytest
from sqlalchemy import text

from shared.database import transaction
from tests.integration.licensing.conftest import Desk
from tests.support.trade import MAGNET, declared, event, licence, milestone, quota, regime, tick


def random_log(seed: int) -> list[bytes]:
    """Draw a log of everything in a likely disorder: shipments before licences, steps before declarations."""
    rng = random.Random(seed)  # noqa: S311 - a log that can be had again
    log = [tick("2025-05-01T00:00:00Z")]
    for day in range(2, 26):
        now = f"2025-05-{day:02d}"
        today = [_register_event(rng, day, f"{now}T01:00:00Z")] if rng.random() < 0.6 else []
        for n in range(rng.randrange(4)):
            ship = f"S{day}-{n}"
            goods = {"commodity": MAGNET} if rng.random() < 0.3 else {"licence_id": f"L-{rng.randrange(6)}"}
            today.append(declared(ship, kg=str(rng.randrange(10, 90)), time=f"{now}T08:00:00Z", **goods))
            steps = rng.sample(["cleared", "held", "released", "departed", "cancelled"], rng.randrange(3))
            today += [milestone(ship, step, time=f"{now}T09:00:00Z") for step in steps]
        rng.shuffle(today)
        log += [*today, tick(f"2025-05-{day + 1:02d}T00:00:00Z")]
    return [*log, log[rng.randrange(len(log))]]


def _register_event(rng: random.Random, day: int, at: str) -> bytes:
    number = rng.randrange(6)
    match rng.randrange(6):
        case 0:
            return regime(f"R-{number}", time=at)
        case 1:
            return quota(f"Q-{number}", kg=str(rng.randrange(50, 400)), time=at)
        case 2:
            return event(
                f"trade.licence.{rng.choice(['suspended', 'reinstated'])}", {"licence_id": f"L-{number}"}, time=at
            )
        case _:
            until = f"2025-05-{min(28, day + rng.randrange(2, 9)):02d}T00:00:00Z"
            return licence(f"L-{number}", kg=str(rng.randrange(50, 300)), valid_until=until, time=at)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_log_gives_the_same_however_it_is_cut(desk: Desk, seed: int) -> None:
    log = random_log(seed)
    for body in log:
        await desk.feed(body)
    one_by_one = await picture(desk)
    assert len(one_by_one["decision"]) > 10
    for cut in (len(log), 7):
        await begin_again(desk)
        for start in range(0, len(log), cut):
            await desk.feed(*log[start : start + cut])
        found = await picture(desk)
        for table, rows in one_by_one.items():
            assert found[table] == rows, f"{table}, in batches of {cut}"


WANTED = {
    "lane_change": "lane_id, sequence, previous, state, at, reasons, caused_by",
    "decision": "decision_id, outcome, reasons, ledger_entries, at",
    "ledger_entry": "account_id, number, kind, granted, reserved, written_off, free_after, beyond, caused_by",
    "lane": "lane_id, state, since, sequence, reasons, stats",
    "event": "source, id, status, outcome, waiting_for, deadline",
    "licence": "licence_id, state, since, terms",
    "shipment": "shipment_id, progress, is_held, outcome, reservation, draws",
}


async def picture(desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: [tuple(row) for row in await desk.sql(f"SELECT {columns} FROM licensing.{table} ORDER BY 1, 2")]  # noqa: S608 - constants
        for table, columns in WANTED.items()
    }


async def begin_again(desk: Desk) -> None:
    """Empty the books, past the trigger that keeps the ledger from it."""
    kept = ("alembic_version", "register")
    tables = await desk.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'licensing' ORDER BY 1")
    named = ", ".join(f"licensing.{row.tablename}" for row in tables if row.tablename not in kept)
    async with transaction(desk.engine) as c:
        await c.execute(text("SET LOCAL session_replication_role = replica"))
        await c.execute(text(f"TRUNCATE {named}"))
        await c.execute(text("UPDATE licensing.register SET clock = NULL"))
    desk.next = None


async def test_what_is_written_while_others_are_applied_is_taken_back_when_one_of_them_needs_more(desk: Desk) -> None:
    before = [tick("2025-05-01T00:00:00Z"), regime("R-1"), licence("L-1", kg="90000")]
    log = [declared(f"S{n}", kg="20", licence_id="L-1", time="2025-05-02T08:00:00Z") for n in range(300)]
    # It shuts a lane, so every lane of these goods is needed: that is learned when all else is applied.
    log.append(event("trade.licence.revoked", {"licence_id": "L-1"}, time="2025-05-02T09:00:00Z"))
    await desk.feed(*before)
    for start in range(0, len(log), 10):
        await desk.feed(*log[start : start + 10])
    in_little = await picture(desk)
    await begin_again(desk)
    await desk.feed(*before)
    await desk.feed(*log)
    assert await picture(desk) == in_little
    assert len(in_little["decision"]) == 300
