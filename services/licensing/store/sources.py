"""What was heard of sources: written by each worker for itself, added up by ticks."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.sources import Seen, Source, longest_gap
from services.licensing.store.reads import Item
from services.licensing.store.sql import array_literal, fetch

MOST = 1000
"""So many sources are watched: whoever names a new one with each event does not make every tick slower."""
_HEARD = f"""
    INSERT INTO licensing.source_seen AS s (source, partition, at, feeds)
    SELECT r.source, :partition, r.at, CAST(r.feeds AS text[])
    FROM unnest(CAST(:sources AS text[]), CAST(:times AS timestamptz[]), CAST(:feeds AS text[])) AS r(source, at, feeds)
    WHERE EXISTS (SELECT FROM licensing.source_seen k WHERE k.source = r.source)
        OR (SELECT count(*) FROM licensing.source_seen) < {MOST}
    ON CONFLICT (source, partition) DO UPDATE SET at = greatest(s.at, excluded.at),
        feeds = ARRAY(SELECT DISTINCT f FROM unnest(s.feeds || excluded.feeds) f ORDER BY f)
"""
_SEEN = """
    SELECT source, max(at) AS at, coalesce(string_agg(array_to_string(feeds, E'\\n'), E'\\n'), '') AS feeds
    FROM licensing.source_seen GROUP BY source
"""
_KEEP = text("""
    INSERT INTO licensing.source (source, state, is_silent)
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:states AS text[]), CAST(:silent AS boolean[]))
    ON CONFLICT (source) DO UPDATE SET state = excluded.state, is_silent = excluded.is_silent
""")


async def seen(c: AsyncConnection) -> dict[str, Seen]:
    """Return what was heard of each source, over all partitions."""
    return {
        row["source"]: Seen(row["at"], set(filter(None, row["feeds"].split("\n"))), is_new=False)
        for row in await fetch(c, _SEEN)
    }


async def known(c: AsyncConnection) -> dict[str, Source]:
    """Return what is known of each source as of the last tick."""
    found = [
        msgspec.json.decode(row["state"], type=Source) for row in await fetch(c, "SELECT state FROM licensing.source")
    ]
    return {source.source: source for source in found}


async def hear(c: AsyncConnection, partition: int, heard: Mapping[str, Seen]) -> None:
    """Write what a batch, some of whose events came by a partition, says of sources."""
    if heard:
        names = sorted(heard)
        await fetch(
            c,
            _HEARD,
            partition=partition,
            sources=names,
            times=[heard[name].at for name in names],
            feeds=[array_literal(sorted(heard[name].feeds)) for name in names],
        )


async def keep(c: AsyncConnection, sources: list[Source]) -> None:
    """Write what a tick made of sources."""
    if sources:
        states = [msgspec.json.encode(source).decode() for source in sources]
        names = [source.source for source in sources]
        await c.execute(_KEEP, {"names": names, "states": states, "silent": [s.is_silent for s in sources]})


async def listed(c: AsyncConnection) -> list[Item]:
    """Return all sources for people, the silent ones first."""
    found = sorted((await known(c)).values(), key=lambda source: (not source.is_silent, source.source))
    return [
        {
            "source": source.source,
            "is_silent": source.is_silent,
            "last_event_at": source.last,
            "longest_gap_hours": round(longest_gap(source).total_seconds() / 3600, 1),
            "known_since": source.first,
            "feeds": source.feeds,
        }
        for source in found
    ]
