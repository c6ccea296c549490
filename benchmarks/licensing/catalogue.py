"""Licensing's tables as the database describes them, so that nothing here has to follow the schema."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

SCHEMA = "licensing"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Rows: TypeAlias = list[tuple[Any, ...]]

_TABLES = """
    SELECT c.relname::text AS name,
           array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types,
           ARRAY(SELECT k.attname::text FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid
                 AND k.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary) AS key
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND a.attidentity = '' AND a.attgenerated = ''
      AND c.relname <> 'alembic_version'
    GROUP BY c.oid ORDER BY c.oid
"""


@dataclass(frozen=True)
class Table:
    """A table: its name with the schema, columns with their types, and primary key.

    Columns that the database fills by itself are left to it.
    """

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]


async def tables(connection: Connection) -> list[Table]:
    """Return the tables in the order in which they were made."""
    return [
        Table(f"{SCHEMA}.{row['name']}", tuple(row["columns"]), tuple(row["types"]), tuple(row["key"]))
        for row in await connection.fetch(_TABLES, SCHEMA)
    ]


def quoted(*names: str) -> str:
    """Return column names as they stand in a statement."""
    return ", ".join(f'"{name}"' for name in names)
