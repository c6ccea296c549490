"""Attempts as links of their subscription's chain: appended with the outcomes that they brought, read in order."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.evidence import GENESIS, hash_of, link_of
from services.alerts.store.intake import columns

if TYPE_CHECKING:
    from services.alerts.store.outcomes import Outcome


class Head(NamedTuple):
    """How far a chain has come."""

    links: int
    hash: bytes


_HEADS = text("""
SELECT subscription_id, links, hash FROM alerts.chain WHERE subscription_id = ANY (CAST(:ids AS uuid[]))
ORDER BY subscription_id FOR UPDATE""")
_BEGIN = text("""
INSERT INTO alerts.chain (subscription_id, links, hash) SELECT i, 0, :genesis
FROM unnest(CAST(:ids AS uuid[])) AS i ORDER BY i ON CONFLICT DO NOTHING""")
_APPEND = text("""
WITH moved AS (
    UPDATE alerts.chain c SET links = h.links, hash = h.hash
    FROM unnest(CAST(:ids AS uuid[]), CAST(:links AS bigint[]), CAST(:hashes AS bytea[])) AS h(id, links, hash)
    WHERE c.subscription_id = h.id
)
INSERT INTO alerts.attempt (delivery_id, number, started_at, duration_ms, status, error, response_excerpt, url,
    body_sha256, subscription_id, link, hash)
SELECT * FROM unnest(CAST(:delivery_id AS uuid[]), CAST(:number AS int[]), CAST(:started_at AS timestamptz[]),
    CAST(:duration_ms AS double precision[]), CAST(:status AS int[]), CAST(:error AS text[]),
    CAST(:response_excerpt AS text[]), CAST(:url AS text[]), CAST(:body_sha256 AS bytea[]),
    CAST(:subscription_id AS uuid[]), CAST(:link AS bigint[]), CAST(:hash AS bytea[]))
ON CONFLICT (delivery_id, started_at) DO NOTHING""")
_NAMES = (
    *("delivery_id", "number", "started_at", "duration_ms", "status", "error", "response_excerpt", "url"),
    *("body_sha256", "subscription_id", "link", "hash"),
)
_TAKE_BACK = text("""
DELETE FROM alerts.attempt t
USING unnest(CAST(:ids AS uuid[]), CAST(:links AS bigint[])) AS h(id, links)
WHERE t.subscription_id = h.id AND t.link > h.links""")
_KNOWN = text("""
SELECT t.delivery_id, t.started_at FROM alerts.attempt t
JOIN unnest(CAST(:ids AS uuid[]), CAST(:starts AS timestamptz[])) AS o(id, started_at)
    ON t.delivery_id = o.id AND t.started_at = o.started_at""")


async def append(connection: AsyncConnection, outcomes: Sequence["Outcome"]) -> None:
    """Store attempts, each as the next link of its chain; one that is stored already stays as it is.

    The chains' rows are locked until the transaction ends, so that no two links have one number.
    """
    if not outcomes:
        return
    heads = await _lock(connection, sorted({o.subscription_id for o in outcomes}))
    if await _append(connection, outcomes, heads) == len(outcomes):
        return
    # The commit of a record before was not heard of: what it stored is no new link.
    ids, links, _ = _by_column(heads)
    await connection.execute(_TAKE_BACK, {"ids": ids, "links": links})
    values = {"ids": [o.delivery_id for o in outcomes], "starts": [o.started_at for o in outcomes]}
    known = {tuple(row) for row in await connection.execute(_KNOWN, values)}
    new = [o for o in outcomes if (o.delivery_id, o.started_at) not in known]
    await _append(connection, new, heads)


async def _lock(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Head]:
    rows = (await connection.execute(_HEADS, {"ids": ids})).all()
    if len(rows) < len(ids):
        await connection.execute(_BEGIN, {"ids": ids, "genesis": GENESIS})
        rows = (await connection.execute(_HEADS, {"ids": ids})).all()
    return {row.subscription_id: Head(row.links, row.hash) for row in rows}


def _by_column(heads: dict[UUID, Head]) -> tuple[list[UUID], list[int], list[bytes]]:
    return list(heads), [head.links for head in heads.values()], [head.hash for head in heads.values()]


async def _append(connection: AsyncConnection, outcomes: Sequence["Outcome"], before: dict[UUID, Head]) -> int:
    heads, rows = dict(before), []
    for o in outcomes:
        head = heads[o.subscription_id]
        link = link_of(o, head.links + 1)
        heads[o.subscription_id] = Head(link.link, hash_of(head.hash, link))
        rows.append((*o[1:8], o.url, o.body_sha256, o.subscription_id, *heads[o.subscription_id]))
    ids, links, hashes = _by_column(heads)
    values = {"ids": ids, "links": links, "hashes": hashes, **columns(rows, _NAMES)}
    return (await connection.execute(_APPEND, values)).rowcount


async def tenant_of(connection: AsyncConnection, subscription_id: UUID) -> str | None:
    """Return whose a subscription is or was; None when there never was such."""
    statement = text("SELECT tenant FROM alerts.subscription WHERE subscription_id = :id")
    return (await connection.execute(statement, {"id": subscription_id})).scalar_one_or_none()


async def hash_at(connection: AsyncConnection, subscription_id: UUID, link: int) -> bytes | None:
    """Return the hash of a link; None when there is no such."""
    if link == 0:
        return GENESIS
    statement = text("SELECT hash FROM alerts.attempt WHERE subscription_id = :id AND link = :link")
    found: bytes | None = (await connection.execute(statement, {"id": subscription_id, "link": link})).scalar()
    return found


_LINKS = """
SELECT t.subscription_id, t.link, t.delivery_id, t.number, t.started_at, t.duration_ms, t.status, t.error,
    t.response_excerpt, t.url, t.body_sha256, t.hash{body}
FROM alerts.attempt t{join}
WHERE t.subscription_id = :id AND t.link > :after AND t.link <= :until ORDER BY t.link LIMIT :limit"""
_WITHOUT_BODIES = text(_LINKS.format(body="", join=""))
# What is sent to people is made anew for each attempt, and is not kept.
_WITH_BODIES = text(
    _LINKS.format(
        body=", CASE WHEN sha256(a.body) = t.body_sha256 THEN a.body END AS body",
        join=" LEFT JOIN alerts.delivery d USING (delivery_id) LEFT JOIN alerts.alert a USING (alert_no)",
    )
)


async def links(
    connection: AsyncConnection, subscription_id: UUID, after: int, until: int, limit: int, *, bodies: bool
) -> list[Row[Any]]:
    """Return links after one and up to another, in order."""
    values: dict[str, Any] = {"id": subscription_id, "after": after, "until": until, "limit": limit}
    statement = _WITH_BODIES if bodies else _WITHOUT_BODIES
    return list((await connection.execute(statement, values)).all())


class SignedCheckpoint(NamedTuple):
    """How far a chain had come at a time, and whose word that is."""

    subscription_id: UUID
    links: int
    hash: bytes
    at: datetime
    public: bytes
    signature: bytes


class Chain(NamedTuple):
    """A chain, how far it has come and how far it was signed, and its last checkpoint, all of one moment."""

    subscription_id: UUID
    tenant: str
    head: Head
    signed_links: int
    last: SignedCheckpoint | None


_CHAINS = """
SELECT c.subscription_id, s.tenant, c.links, c.hash, c.signed_links, p.links AS last_links, p.hash AS last_hash, p.at,
    p.public, p.signature
FROM alerts.chain c JOIN alerts.subscription s USING (subscription_id)
LEFT JOIN LATERAL (SELECT * FROM alerts.checkpoint p WHERE p.subscription_id = c.subscription_id
    ORDER BY p.links DESC LIMIT 1) p ON true
WHERE {which}"""
_GROWN = text(
    _CHAINS.format(which="c.links <> c.signed_links AND c.subscription_id > :after")
    + " ORDER BY c.subscription_id LIMIT :limit"
)
_CHAIN = text(_CHAINS.format(which="c.subscription_id = :id"))
_NEXT_LINKS = text("""
SELECT t.* FROM unnest(CAST(:ids AS uuid[]), CAST(:after AS bigint[]), CAST(:until AS bigint[])) AS c(id, after, until)
CROSS JOIN LATERAL (
    SELECT t.subscription_id, t.link, t.delivery_id, t.number, t.started_at, t.duration_ms, t.status, t.error,
        t.response_excerpt, t.url, t.body_sha256, t.hash
    FROM alerts.attempt t WHERE t.subscription_id = c.id AND t.link > c.after AND t.link <= c.until
    ORDER BY t.link LIMIT :limit) t
ORDER BY t.subscription_id, t.link""")
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('alerts.notary'))")
_LOCK = text("""
SELECT 1 FROM alerts.chain WHERE subscription_id = ANY (CAST(:ids AS uuid[])) ORDER BY subscription_id FOR UPDATE""")
_KEEP = text("""
WITH kept AS (
    INSERT INTO alerts.checkpoint (subscription_id, links, hash, at, public, signature)
    SELECT * FROM unnest(CAST(:subscription_id AS uuid[]), CAST(:links AS bigint[]), CAST(:hash AS bytea[]),
        CAST(:at AS timestamptz[]), CAST(:public AS bytea[]), CAST(:signature AS bytea[]))
    RETURNING subscription_id, links
)
UPDATE alerts.chain c SET signed_links = k.links FROM kept k WHERE c.subscription_id = k.subscription_id""")
_CHECKPOINTS = text("""
SELECT subscription_id, links, hash, at, public, signature FROM alerts.checkpoint
WHERE subscription_id = :id AND links > :after AND links <= :until ORDER BY links""")


async def is_alone(connection: AsyncConnection) -> bool:
    """Return whether no other process signs until this transaction ends."""
    return bool((await connection.execute(_ALONE)).scalar_one())


async def grown(connection: AsyncConnection, after: UUID, limit: int) -> list[Chain]:
    """Return chains that have come to another link than the one they were signed at, in the order of their ids."""
    rows = await connection.execute(_GROWN, {"after": after, "limit": limit})
    return [_chain(row) for row in rows]


async def chain(connection: AsyncConnection, subscription_id: UUID) -> Chain | None:
    """Return a subscription's chain; None while nothing was sent."""
    row = (await connection.execute(_CHAIN, {"id": subscription_id})).one_or_none()
    return None if row is None else _chain(row)


def _chain(row: Row[Any]) -> Chain:
    last = None
    if row.last_links is not None:
        last = SignedCheckpoint(row.subscription_id, row.last_links, row.last_hash, row.at, row.public, row.signature)
    return Chain(row.subscription_id, row.tenant, Head(row.links, row.hash), row.signed_links, last)


async def next_links(
    connection: AsyncConnection, places: Sequence[tuple[UUID, int, int]], limit: int
) -> list[Row[Any]]:
    """Return the links of several chains, each after one and up to another, `limit` of each at most."""
    values = {**columns(places, ("ids", "after", "until")), "limit": limit}
    return list((await connection.execute(_NEXT_LINKS, values)).all())


async def keep_checkpoints(connection: AsyncConnection, made: Sequence[SignedCheckpoint]) -> None:
    """Store checkpoints; the caller is alone in doing so."""
    # In the order in which outcomes lock them.
    await connection.execute(_LOCK, {"ids": [each.subscription_id for each in made]})
    await connection.execute(_KEEP, columns(made, SignedCheckpoint._fields))


async def checkpoints(
    connection: AsyncConnection, subscription_id: UUID, after: int, until: int
) -> list[SignedCheckpoint]:
    """Return the checkpoints of links after one and up to another, in order."""
    values = {"id": subscription_id, "after": after, "until": until}
    return [SignedCheckpoint(*row) for row in await connection.execute(_CHECKPOINTS, values)]
