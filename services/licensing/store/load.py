"""Locks and loads a batch's working set, always in one order: register, licences, accounts, shipments, lanes.

Two workers therefore never wait for each other in a circle. A licence that nobody has issued gets
a placeholder row, so that the shipment that waits for it and the event that brings it take the
same lock.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.book import Book, Missing, Parked
from services.licensing.domain.lanes import Lane
from services.licensing.domain.on_lanes import lanes_of_licence
from services.licensing.domain.planning import Keys
from services.licensing.domain.policy import Policy
from services.licensing.store import records
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.events import WORLD, ShipmentDeclared, TradeData

_PARKED = text("""
    SELECT body, waiting_for, deadline FROM licensing.event
    WHERE status = 'parked' AND (waiting_for = ANY(:keys) OR deadline <= :now)
    ORDER BY parking_no
""")
_GATE = text("""
    SELECT DISTINCT w.lane_id, s.licence_id, s.account_id
    FROM unnest(CAST(:lanes AS text[]), CAST(:groups AS text[]), CAST(:origins AS text[]),
                CAST(:destinations AS text[])) AS w(lane_id, commodity_group, origin, destination)
    JOIN licensing.licence_scope s ON s.commodity_group = w.commodity_group AND s.origin = w.origin
         AND (w.destination = :world OR s.destination = w.destination)
    ORDER BY w.lane_id, s.account_id
""")


async def load(c: AsyncConnection, keys: Keys, events: Sequence[Event[TradeData]], policy: Policy) -> Book:
    """Return the working set, locked until the transaction ends. Raises Missing when a lock came too late."""
    book = Book(policy)
    await _register(c, keys, book)
    await _plan_waiting(c, keys, book)
    await _plan_draws(c, keys)
    await _licences(c, keys, book)
    await _accounts(c, keys, book, events)
    await _shipments(c, keys, book)
    await _waiting(c, keys, book)
    _plan_gates(keys, book, events)
    new = await _lanes(c, keys, book)
    await _gates(c, keys, book, new)
    return book


async def _rows(c: AsyncConnection, statement: str, **parameters: Any) -> Sequence[Any]:
    return (await c.execute(text(statement), parameters)).all()


async def _register(c: AsyncConnection, keys: Keys, book: Book) -> None:
    mode = "UPDATE" if keys.has_register_change else "SHARE"
    book.clock = (await _rows(c, f"SELECT clock FROM licensing.register FOR {mode}"))[0].clock
    for row in await _rows(c, "SELECT * FROM licensing.regime ORDER BY regime_id"):
        book.regimes[row.regime_id] = records.regime_of(row)
    for row in await _rows(c, "SELECT * FROM licensing.quota ORDER BY quota_id"):
        book.quotas[row.quota_id] = records.quota_of(row)
    if keys.tick is not None:
        due = await _rows(
            c,
            "SELECT licence_id FROM licensing.licence WHERE (valid_from > :a AND valid_from <= :b)"
            " OR (valid_until > :a AND valid_until <= :b)",
            a=book.clock or datetime.min.replace(tzinfo=UTC),
            b=keys.tick,
        )
        book.due_licences = {row.licence_id for row in due}
        keys.licences |= book.due_licences
        keys.licences_changed |= book.due_licences


async def _parked(c: AsyncConnection, keys: Keys) -> list[Parked]:
    """Read what the batch may wake, and what has waited too long by its tick, in the order in which it came."""
    rows = (await c.execute(_PARKED, {"keys": sorted(keys.wakes), "now": keys.tick})).all()
    return [Parked(read_trade_event(row.body), row.waiting_for, row.deadline) for row in rows]


async def _plan_waiting(c: AsyncConnection, keys: Keys, book: Book) -> None:
    """Find out, before any lock, what the woken events need; a woken shipment may wake others in turn."""
    while True:
        known = len(keys.wakes)
        for parked in await _parked(c, keys):
            keys.add(parked.event, book.policy)
        if len(keys.wakes) == known:
            return


async def _plan_draws(c: AsyncConnection, keys: Keys) -> None:
    """Add the accounts that milestones move, and the licences above them."""
    rows = await _rows(
        c,
        "SELECT draws FROM licensing.shipment WHERE shipment_id = ANY(:ids) AND reservation <> 'none'",
        ids=sorted(keys.shipments),
    )
    for row in rows:
        for account_id, _, _ in records.draws_of(row.draws):
            keys.accounts.add(account_id)
            if account_id.startswith("licence:"):
                keys.licences.add(account_id.removeprefix("licence:").rpartition(":")[0])


async def _licences(c: AsyncConnection, keys: Keys, book: Book) -> None:
    wanted = sorted(keys.licences)
    statement = "SELECT * FROM licensing.licence WHERE licence_id = ANY(:ids) ORDER BY licence_id FOR UPDATE"
    rows = await _rows(c, statement, ids=wanted) if wanted else []
    missing = sorted(keys.licences - {row.licence_id for row in rows})
    if missing:
        awaited = ((licence_id, "awaited", None, None, None, None, None) for licence_id in missing)
        await records.LICENCE.insert_missing(c, awaited)
        rows = [*rows, *await _rows(c, statement, ids=missing)]
    for row in rows:
        book.licences[row.licence_id] = records.licence_of(row)


async def _accounts(c: AsyncConnection, keys: Keys, book: Book, events: Iterable[Event[TradeData]]) -> None:
    for licence in book.licences.values():
        if licence.terms is not None:
            keys.accounts.update(licence.account_of(line.line_no) for line in licence.terms.lines)
    if book.quotas:
        keys.accounts |= await _quota_accounts(c, keys, book, events)
    statement = "SELECT * FROM licensing.account WHERE account_id = ANY(:ids) ORDER BY account_id FOR UPDATE"
    for row in await _rows(c, statement, ids=sorted(keys.accounts)) if keys.accounts else ():
        book.accounts[row.account_id] = records.account_of(row)


def _plan_gates(keys: Keys, book: Book, events: Iterable[Event[TradeData]]) -> None:
    """Foresee which licences the batch may use up or free; the gates of their lanes will be judged."""
    asked: Counter[str] = Counter()
    waiting = (parked.event for parkings in book.parked.values() for parked in parkings)
    for event in (*events, *waiting):
        if isinstance(event.data, ShipmentDeclared):
            asked.update({line.licence_id: line.net_mass.mg for line in event.data.lines if line.licence_id})
    percent = book.policy.critical_used_percent
    for licence in book.licences.values():
        lines = licence.terms.lines if licence.terms else ()
        accounts = (book.accounts[licence.account_of(line.line_no)] for line in lines)
        if any((a.used_mg + asked[licence.licence_id]) * 100 >= a.granted_mg * percent for a in accounts):
            keys.gates.update(lanes_of_licence(book, licence))


async def _quota_accounts(c: AsyncConnection, keys: Keys, book: Book, events: Iterable[Event[TradeData]]) -> set[str]:
    """Name the quotas that the batch's shipments draw on, and those whose lanes may be judged anew."""
    declared = [e.data for e in events if isinstance(e.data, ShipmentDeclared)]
    waiting = [p.event.data for p in await _parked(c, keys)]
    declared += [data for data in waiting if isinstance(data, ShipmentDeclared)]
    drawn = {
        quota.account_id
        for quota in book.quotas.values()
        for shipment in declared
        if any(quota.concerns(shipment, line.commodity) for line in shipment.lines)
    }
    judged = keys.has_register_change or keys.gates or keys.licences_changed
    return {quota.account_id for quota in book.quotas.values()} if judged else drawn


async def _shipments(c: AsyncConnection, keys: Keys, book: Book) -> None:
    statement = "SELECT * FROM licensing.shipment WHERE shipment_id = ANY(:ids) ORDER BY shipment_id FOR UPDATE"
    for row in await _rows(c, statement, ids=sorted(keys.shipments)) if keys.shipments else ():
        book.shipments[row.shipment_id] = records.shipment_of(row)


async def _waiting(c: AsyncConnection, keys: Keys, book: Book) -> None:
    """Read again, under the locks, what waits; what came meanwhile and is not locked needs another go."""
    book.wakes = set(keys.wakes)
    for parked in await _parked(c, keys) if keys.wakes or keys.tick else ():
        data = parked.event.data
        if isinstance(data, ShipmentDeclared):
            unlocked = {line.licence_id for line in data.lines if line.licence_id} - set(book.licences)
            if unlocked:
                raise Missing("licence", *unlocked)
            if (key := entity_key(parked.event)) not in keys.wakes:
                raise Missing("wake", key)
        book.parked.setdefault(parked.waiting_for, []).append(parked)


async def _lanes(c: AsyncConnection, keys: Keys, book: Book) -> set[str]:
    """Lock the lanes, new ones included, and return the ids of those that no event has brought yet."""
    for licence_id in keys.licences_changed:
        keys.gates.update(lanes_of_licence(book, book.licences[licence_id]))
    wanted = keys.lanes | keys.gates | {f"{group}:{origin}:{WORLD}" for group, origin in keys.families}
    wanted.update(*(shipment.lanes for shipment in book.shipments.values()))
    families = set(keys.families)
    if _closes_days(keys, book):
        every = await _rows(c, "SELECT DISTINCT commodity_group, origin FROM licensing.lane")
        families |= {(row.commodity_group, row.origin) for row in every}
    await _lock_lanes(c, wanted, families, book)
    new = wanted - set(book.lanes)
    if new:
        await records.LANE.insert_missing(c, (records.lane_row(_lane(lane_id)) for lane_id in sorted(new)))
        await _lock_lanes(c, new, set(), book)
    book.lane_families = families
    return {lane_id for lane_id, lane in book.lanes.items() if lane.stats.gate_as_of is None}


async def _lock_lanes(c: AsyncConnection, ids: set[str], families: set[tuple[str, str]], book: Book) -> None:
    rows = await _rows(
        c,
        "SELECT * FROM licensing.lane WHERE lane_id = ANY(:ids) OR (commodity_group, origin) IN"
        " (SELECT * FROM unnest(CAST(:groups AS text[]), CAST(:origins AS text[]))) ORDER BY lane_id FOR UPDATE",
        ids=sorted(ids),
        groups=[group for group, _ in sorted(families)],
        origins=[origin for _, origin in sorted(families)],
    )
    book.lanes.update({row.lane_id: records.lane_of(row) for row in rows})


def _lane(lane_id: str) -> Lane:
    group, origin, destination = lane_id.split(":")
    return Lane(group, origin, destination)


def _closes_days(keys: Keys, book: Book) -> bool:
    if keys.tick is None:
        return False
    return book.clock is None or book.clock.astimezone(UTC).date() < keys.tick.astimezone(UTC).date()


async def _gates(c: AsyncConnection, keys: Keys, book: Book, new: set[str]) -> None:
    """Read what opens the lanes that may be judged anew; licences and accounts not locked are only looked at."""
    wanted = keys.gates | new
    if keys.families or keys.tick:
        wanted |= {i for i, lane in book.lanes.items() if (lane.commodity_group, lane.origin) in book.lane_families}
    if not wanted:
        return
    lanes = [book.lanes[lane_id] for lane_id in sorted(wanted)]
    parameters = {
        "lanes": [lane.lane_id for lane in lanes],
        "groups": [lane.commodity_group for lane in lanes],
        "origins": [lane.origin for lane in lanes],
        "destinations": [lane.destination for lane in lanes],
        "world": WORLD,
    }
    found = (await c.execute(_GATE, parameters)).all()
    book.gate_accounts = {lane.lane_id: () for lane in lanes}
    for row in found:
        book.gate_accounts[row.lane_id] += ((row.licence_id, row.account_id),)
    await _look_at(c, book, found)


async def _look_at(c: AsyncConnection, book: Book, found: Sequence[Any]) -> None:
    licences = sorted({row.licence_id for row in found} - set(book.licences))
    statement = "SELECT * FROM licensing.licence WHERE licence_id = ANY(:ids)"
    for row in await _rows(c, statement, ids=licences) if licences else ():
        book.viewed_licences[row.licence_id] = records.licence_of(row)
    accounts = sorted({row.account_id for row in found} - set(book.accounts))
    statement = "SELECT * FROM licensing.account WHERE account_id = ANY(:ids)"
    for row in await _rows(c, statement, ids=accounts) if accounts else ():
        book.viewed_accounts[row.account_id] = records.account_of(row)
