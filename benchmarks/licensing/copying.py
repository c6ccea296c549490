"""Multiplies what the service wrote: rows whose keys hold a tag are copied under other tags, table by table.

Text holds the tag wherever it names a thing, so replacing it everywhere gives rows that belong
together as the first ones do.
"""

import time

from benchmarks.licensing.catalogue import SCHEMA, Connection, Table, quoted, tables

LEFT_OUT = f"{SCHEMA}.outbox"
"""What was published long ago is not kept for ever."""
_TEXTS = ("text", "text[]", "json", "jsonb")
_KEYS = """
    SELECT conname::text AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid = $1::text::regclass AND contype IN ('p', 'u')
"""
_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
    WHERE indrelid = $1::text::regclass
"""
_NEW_TAG = "'C' || lpad(n::text, 3, '0')"


def tag_of(number: int, tag: str) -> str:
    """Return the tag of a copy; number 0 is the first one itself."""
    return f"C{number:03d}" if number else tag


async def copy_all(connection: Connection, tag: str, copies: int) -> None:
    """Copy every tagged row so many times, under the tags C001, C002 and so on.

    Without the triggers, which would look for each row's neighbours without an index.
    """
    await connection.execute("SET session_replication_role = replica")
    for table in await tables(connection):
        tagged = await _tagged(connection, table, tag)
        keys = [name for name in table.key if name in tagged]
        if keys and table.name != LEFT_OUT:
            began = time.monotonic()
            again = await _drop_indexes(connection, table)
            await connection.execute(_statement(table, tagged, keys[0], tag, copies))
            for definition in again:
                await connection.execute(definition)
            print(f"{table.name}: copied in {time.monotonic() - began:.0f} s", flush=True)
    await connection.execute("RESET session_replication_role")


def _statement(table: Table, tagged: set[str], key: str, tag: str, copies: int) -> str:
    values = ", ".join(
        _value(name, kind, tag) if name in tagged else quoted(name)
        for name, kind in zip(table.columns, table.types, strict=True)
    )
    return (
        f"INSERT INTO {table.name} ({quoted(*table.columns)}) SELECT {values} FROM generate_series(1, {copies}) n"  # noqa: S608 - names from the catalogue
        f" CROSS JOIN (SELECT * FROM {table.name} WHERE position('{tag}' in {quoted(key)}) > 0) r"
    )


def _value(name: str, kind: str, tag: str) -> str:
    if kind == "bytea":
        return f"convert_to(replace(convert_from({quoted(name)}, 'UTF8'), '{tag}', {_NEW_TAG}), 'UTF8')"
    return f"replace({quoted(name)}::text, '{tag}', {_NEW_TAG})::{kind}"


async def _tagged(connection: Connection, table: Table, tag: str) -> set[str]:
    """Return the columns that hold the tag in some row."""
    found = set()
    for name, kind in zip(table.columns, table.types, strict=True):
        if kind != "bytea" and kind not in _TEXTS:
            continue
        test = f"'{tag}'::bytea in {quoted(name)}" if kind == "bytea" else f"'{tag}' in {quoted(name)}::text"
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table.name} WHERE position({test}) > 0)"):  # noqa: S608 - as above
            found.add(name)
    return found


async def _drop_indexes(connection: Connection, table: Table) -> list[str]:
    """Drop keys and indexes, which are made faster afterwards, and return what makes them again."""
    again = []
    for row in await connection.fetch(_KEYS, table.name):
        await connection.execute(f"ALTER TABLE {table.name} DROP CONSTRAINT {quoted(row['name'])}")
        again.append(f"ALTER TABLE {table.name} ADD CONSTRAINT {quoted(row['name'])} {row['definition']}")
    for row in await connection.fetch(_INDEXES, table.name):
        await connection.execute(f"DROP INDEX {row['name']}")
        again.append(row["definition"])
    return again
