"""Locks and loads a batch's working set, always in one order: register, prices, licences, accounts, shipments, lanes.

Two workers therefore do not wait for each other in a circle, unless both bring a new licence or lane into being: the
database then ends one of the two, and it is tried again. A licence that nobody has issued gets
a placeholder row, so that the shipment that waits for it and the event that brings it take the
same lock; so does a month's account of a capped quota, which the first shipment of the month opens.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.book import OVERDUE_AT_ONCE, Book, Missing, Parked, Past
from services.licensing.domain.lanes import new_lane
from services.licensing.domain.ledger import Account, account_name, account_parts
from services.licensing.domain.on_clock import DUE_AT_ONCE
from services.licensing.domain.on_lanes import lanes_of_licence
from services.licensing.domain.planning import Keys
from services.licensing.domain.policy import Policy
from services.licensing.store import prices, records, sources, tables
from services.licensing.store.rulebooks import rulebooks
from services.licensing.store.sql import fetch, joined, named
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.events import WORLD, Declaration, ShipmentDeclared, TradeData

_PARKED = f"""
    SELECT body, waiting_for, deadline FROM licensing.event
    WHERE status = 'parked' AND (waiting_for = ANY({named("keys")}) OR entity = ANY(:entities)
        OR (deadline <= :now AND waiting_for LIKE 'allotment:%')
        OR (source, id) IN (
            SELECT source, id FROM licensing.event
            WHERE status = 'parked' AND deadline <= :now AND waiting_for NOT LIKE 'allotment:%'
            ORDER BY deadline, source || ' ' || id COLLATE "C" LIMIT :most))
    ORDER BY parking_no
"""
_HISTORY = """
    SELECT body, entity, retracted_by FROM licensing.event WHERE entity = ANY(:entities) AND status = 'decided'
    ORDER BY applied_no
"""
_LICENCES = f"{tables.LICENCE.select} WHERE licence_id = ANY(:ids) ORDER BY licence_id FOR UPDATE"
_ACCOUNTS = f"{tables.ACCOUNT.select} WHERE account_id = ANY(:ids) ORDER BY account_id FOR UPDATE"
_SHIPMENTS = f"{tables.SHIPMENT.select} WHERE shipment_id = ANY(:ids) ORDER BY shipment_id FOR UPDATE"
_LANES = f"""
    {tables.LANE.select} WHERE lane_id = ANY(:ids) OR (commodity_group, origin) IN
    (SELECT * FROM unnest(CAST(:groups AS text[]), CAST(:origins AS text[]))) ORDER BY lane_id FOR UPDATE
"""
_OF_OWNERS = """
    SELECT a.account_id FROM licensing.account a JOIN unnest(CAST(:owners AS text[])) o
    ON a.account_id >= o COLLATE "C" AND a.account_id < (o || ';') COLLATE "C"
    AND (a.account_id = o OR a.account_id >= (o || ':') COLLATE "C")
"""

Judged = tuple[Declaration, datetime]
"""A declaration, and as of when it is judged."""


async def load(c: AsyncConnection, keys: Keys, events: Sequence[Event[TradeData]], policy: Policy) -> Book:
    """Return the working set, locked until the transaction ends. Raises Missing when a lock came too late."""
    book = Book(policy)
    await _register(c, keys, book)
    waiting = await _plan_waiting(c, keys, book)
    restated = await _plan_draws(c, keys, policy)
    if keys.prices:
        book.prices = await prices.lock(c, keys.prices)
    await _licences(c, keys, book)
    await _accounts(c, keys, book, [*_judged(events, restated), *_judged(waiting, {})])
    await _shipments(c, keys, book)
    await _waiting(c, keys, book)
    await _histories(c, keys, book)
    await _lanes(c, keys, book)
    return book


async def _register(c: AsyncConnection, keys: Keys, book: Book) -> None:
    mode = "UPDATE" if keys.has_register_change else "SHARE"
    book.clock = (await fetch(c, f"SELECT clock FROM licensing.register FOR {mode}"))[0]["clock"]
    for row in await fetch(c, f"{tables.REGIME.select} ORDER BY regime_id"):
        book.regimes[row["regime_id"]] = records.regime_of(row)
    for row in await fetch(c, f"{tables.QUOTA.select} ORDER BY quota_id"):
        book.quotas[row["quota_id"]] = records.quota_of(row)
    book.rulebooks = await rulebooks(c)
    if keys.tick is not None:
        book.seen, book.sources = await sources.seen(c), await sources.known(c)
        due = await fetch(
            c,
            "(SELECT licence_id, valid_from AS due FROM licensing.licence WHERE state = 'issued' AND valid_from <= :b"
            " ORDER BY valid_from, licence_id LIMIT :n) UNION (SELECT licence_id, valid_until FROM licensing.licence"
            " WHERE state IN ('issued', 'active', 'exhausted', 'suspended') AND valid_until <= :b"
            " ORDER BY valid_until, licence_id LIMIT :n) ORDER BY due, licence_id LIMIT :n",
            b=keys.tick,
            n=DUE_AT_ONCE,
        )
        book.due_licences = {row["licence_id"] for row in due}
        keys.licences |= book.due_licences
        keys.licences_changed |= book.due_licences


async def _parked(c: AsyncConnection, keys: Keys) -> list[Parked]:
    """Read what the batch may wake or take back, and what has waited too long by its tick, in the order it came."""
    found = await fetch(
        c, _PARKED, keys=joined(keys.wakes), now=keys.tick, most=OVERDUE_AT_ONCE, entities=list(keys.histories)
    )
    return [Parked(read_trade_event(body), waiting_for, deadline) for body, waiting_for, deadline in found]


async def _plan_waiting(c: AsyncConnection, keys: Keys, book: Book) -> list[Event[TradeData]]:
    """Find out, before any lock, what the woken events need; a woken shipment may wake others in turn."""
    while True:
        known, found = len(keys.wakes), [parked.event for parked in await _parked(c, keys)]
        for event in found:
            keys.add(event, book.policy)
        if len(keys.wakes) == known:
            return found


async def _plan_draws(c: AsyncConnection, keys: Keys, policy: Policy) -> dict[str, Judged]:
    """Add the accounts that milestones move and the licences above them; return what may be judged anew."""
    found: dict[str, Judged] = {}
    if not keys.shipments:
        return found
    rows = await fetch(
        c,
        "SELECT draws, CASE WHEN shipment_id = ANY(:restated) THEN declared END AS declared, declared_at"
        " FROM licensing.shipment WHERE shipment_id = ANY(:ids)"
        " AND (reservation <> 'none' OR shipment_id = ANY(:restated))",
        ids=list(keys.shipments),
        restated=list(keys.restated),
    )
    for draws, declared, declared_at in rows:
        if declared is not None:
            known = records.declared_of(declared)
            found[known.shipment_id] = known, declared_at
            keys.add_declaration(known, policy)
        drawn = {draw.account_id for draw in records.draws_of(draws)}
        keys.accounts |= drawn
        keys.licences |= {account_parts(account_id)[1] for account_id in drawn if account_id.startswith("licence:")}
    return found


def _judged(events: Iterable[Event[TradeData]], restated: dict[str, Judged]) -> list[Judged]:
    """Return what the batch's events let be judged, and as of when: a correction as of its declaration."""
    found = list(restated.values())
    for event in events:
        if isinstance(event.data, Declaration):
            _, at = restated.get(event.data.shipment_id, (event.data, event.time))
            found.append((event.data, at))
    return found


async def _licences(c: AsyncConnection, keys: Keys, book: Book) -> None:
    rows = await fetch(c, _LICENCES, ids=list(keys.licences)) if keys.licences else []
    missing = sorted(keys.licences - {row["licence_id"] for row in rows})
    if missing:
        awaited = ((licence_id, "awaited", *(None,) * 6, "[]", "[]") for licence_id in missing)
        await tables.LICENCE.insert_missing(c, awaited)
        rows = [*rows, *await fetch(c, _LICENCES, ids=missing)]
    for row in rows:
        book.licences[row["licence_id"]] = records.licence_of(row)
    batches = "SELECT batch_id, terms FROM licensing.batch WHERE batch_id = ANY(:ids)"
    for row in await fetch(c, batches, ids=list(keys.batches)) if keys.batches else ():
        book.batches[row["batch_id"]] = records.batch_of(row["terms"])


async def _accounts(c: AsyncConnection, keys: Keys, book: Book, judged: list[Judged]) -> None:
    """Lock the accounts that may be drawn or looked at; one that is not there is an account that has nothing."""
    for licence in book.licences.values():
        keys.accounts.update(licence.grants())
    if book.quotas:
        _plan_quota_accounts(keys, book, judged)
    owners = [account_name("licence", i) for i in keys.licences_changed]
    owners += [account_name("quota", i) for i in keys.quotas_changed]
    if owners:
        keys.accounts.update(row["account_id"] for row in await fetch(c, _OF_OWNERS, owners=owners))
    if not keys.accounts:
        return
    months = sorted(i for i in keys.accounts if account_parts(i)[2:3] == ("month",))
    await tables.ACCOUNT.insert_missing(c, (records.account_row(Account(i)) for i in months))
    for row in await fetch(c, _ACCOUNTS, ids=list(keys.accounts)):
        book.accounts[row["account_id"]] = records.account_of(row)
    for account_id in keys.accounts - set(book.accounts):
        if account_id.startswith("quota:"):
            book.accounts[account_id] = Account(account_id)


def _plan_quota_accounts(keys: Keys, book: Book, judged: Iterable[Judged]) -> None:
    """Add what the batch's shipments, and those that it may wake, draw on, and what lanes judged anew look at."""
    for declared, at in judged:
        for quota in book.quotas.values():
            for line in declared.lines:
                if quota.in_period(at) and quota.concerns(declared, line.commodity):
                    keys.accounts.update(part.account_id for part in quota.parts(declared, line.commodity, at))
    if keys.has_register_change or keys.licences_changed:
        for quota in book.quotas.values():
            keys.accounts.update(i for i in quota.grants() if account_parts(i)[2:3] in ((), ("sub",)))


async def _shipments(c: AsyncConnection, keys: Keys, book: Book) -> None:
    for row in await fetch(c, _SHIPMENTS, ids=list(keys.shipments)) if keys.shipments else ():
        book.shipments[row["shipment_id"]] = records.shipment_of(row)


async def _waiting(c: AsyncConnection, keys: Keys, book: Book) -> None:
    """Read again, under the locks, what waits; what came meanwhile and is not locked needs another go."""
    book.wakes = set(keys.wakes)
    for parked in await _parked(c, keys) if keys.wakes or keys.tick else ():
        data = parked.event.data
        if isinstance(data, ShipmentDeclared):
            unlocked = {i for line in data.lines for i in line.licences} - set(book.licences)
            if unlocked:
                raise Missing("licence", *unlocked)
            if (key := entity_key(parked.event)) not in keys.wakes:
                raise Missing("wake", key)
        book.park(parked)


async def _histories(c: AsyncConnection, keys: Keys, book: Book) -> None:
    book.histories = {entity: [] for entity in keys.histories}
    if keys.histories:
        for row in await fetch(c, _HISTORY, entities=list(keys.histories)):
            past = Past(read_trade_event(row["body"]), row["retracted_by"] is not None)
            book.histories[row["entity"]].append(past)


async def _lanes(c: AsyncConnection, keys: Keys, book: Book) -> None:
    """Lock the lanes, new ones included: those that goods move on, and those that a licence may open."""
    wanted = keys.lanes | {f"{group}:{origin}:{WORLD}" for group, origin in keys.families}
    wanted.update(*(lanes_of_licence(licence) for licence in book.licences.values()))
    wanted.update(*(shipment.lanes for shipment in book.shipments.values()))
    families, groups, closes_days = set(keys.families), set(keys.groups), _closes_days(keys, book)
    if closes_days or groups:
        every = await fetch(c, "SELECT DISTINCT commodity_group, origin FROM licensing.lane")
        if closes_days:
            groups |= {group for group, _ in every}
        families |= {(group, origin) for group, origin in every if group in groups}
    await _lock_lanes(c, wanted, families, book)
    new = wanted - set(book.lanes)
    if new:
        await tables.LANE.insert_missing(c, (records.lane_row(new_lane(lane_id)) for lane_id in sorted(new)))
        await _lock_lanes(c, new, set(), book)
    book.lane_families, book.lane_groups = families, groups


async def _lock_lanes(c: AsyncConnection, ids: set[str], families: set[tuple[str, str]], book: Book) -> None:
    rows = await fetch(
        c,
        _LANES,
        ids=list(ids),
        groups=[group for group, _ in sorted(families)],
        origins=[origin for _, origin in sorted(families)],
    )
    book.lanes.update({row["lane_id"]: records.lane_of(row) for row in rows})


def _closes_days(keys: Keys, book: Book) -> bool:
    if keys.tick is None:
        return False
    return book.clock is None or book.clock.astimezone(UTC).date() < keys.tick.astimezone(UTC).date()
