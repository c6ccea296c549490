"""How far the topic was read, kept beside what reading it brought about."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.store.sql import fetch
from shared.consumption import Advance, OffsetsMovedError

_MOVE = """
    UPDATE licensing.consumer_offset o SET next_offset = a.target, duplicates = o.duplicates + a.duplicates
    FROM unnest(CAST(:partitions AS int[]), CAST(:expected AS bigint[]), CAST(:targets AS bigint[]),
                CAST(:duplicates AS bigint[])) AS a(partition, expected, target, duplicates)
    WHERE o.topic = :topic AND o.partition = a.partition AND o.next_offset = a.expected
    RETURNING o.partition
"""


async def positions(c: AsyncConnection, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Return the next offset of each partition; one never read starts at 0."""
    await c.execute(
        text(
            "INSERT INTO licensing.consumer_offset (topic, partition, next_offset)"
            " SELECT :topic, p, 0 FROM unnest(CAST(:partitions AS int[])) p ON CONFLICT DO NOTHING"
        ),
        {"topic": topic, "partitions": list(partitions)},
    )
    rows = await c.execute(
        text(
            "SELECT partition, next_offset FROM licensing.consumer_offset WHERE topic = :topic AND partition = ANY(:p)"
        ),
        {"topic": topic, "p": list(partitions)},
    )
    return {row.partition: row.next_offset for row in rows}


async def move(c: AsyncConnection, topic: str, advance: Advance, duplicates: dict[int, int]) -> None:
    """Store the new offsets. Raises OffsetsMovedError when they are not where this process left them."""
    partitions = sorted(advance)
    moved = await fetch(
        c,
        _MOVE,
        topic=topic,
        partitions=partitions,
        expected=[advance[p][0] for p in partitions],
        targets=[advance[p][1] for p in partitions],
        duplicates=[duplicates.get(p, 0) for p in partitions],
    )
    if len(moved) != len(partitions):
        raise OffsetsMovedError(f"{topic}: {len(partitions) - len(moved)} partitions were read on by another process")
