"""Set-based statements: one round trip for any number of rows.

What is only added goes by COPY; what may be there already by `unnest` of one array per column.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Driver = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

SCHEMA = "licensing"
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_BEGIN = text("SELECT 1")


Row = Sequence[Any]
Write = tuple[Callable[[AsyncConnection, Sequence[Row]], Awaitable[None]], Iterable[Row]]
"""A method of Columns, and the rows to write by it."""
MADE_AT_ONCE = 32
"""So many rows are made before the statement under way has its turn."""


class Writer:
    """Writes rows, one statement after the other; while the database works on one the rows of the next are made.

    It is entered for a batch. Left by an exception, it takes back what is under way.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._under_way: asyncio.Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a statement is under way."""
        return self._under_way is not None and not self._under_way.done()

    async def write(
        self, write: Callable[[AsyncConnection, Sequence[Row]], Awaitable[None]], rows: Iterable[Row]
    ) -> None:
        """Make the rows, and begin to write them as soon as those before are written."""
        made = await _made(rows)
        await self.settle()
        if made:
            self._under_way = asyncio.ensure_future(write(self._connection, made))

    async def settle(self) -> None:
        """Wait until all is written. Raises what was wrong with it."""
        if self._under_way is not None:
            await self._under_way
            self._under_way = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._under_way is not None:
            self._under_way.cancel()
            # Whatever became of it, what is told is why the batch ended.
            await asyncio.gather(self._under_way, return_exceptions=True)


async def _made(rows: Iterable[Row]) -> list[Row]:
    made: list[Row] = []
    for row in rows:
        made.append(row)
        if len(made) % MADE_AT_ONCE == 0:
            await asyncio.sleep(0)
    return made


async def fetch(connection: AsyncConnection, statement: str, **parameters: Any) -> list[asyncpg.Record]:
    """Return the rows of a statement with parameters like `:name`, in the connection's transaction.

    A batch asks some twenty times; past SQLAlchemy each takes a quarter of the processor's time.
    """
    driver, (positional, names) = await driver_of(connection), _positional(statement)
    return await driver.fetch(positional, *(parameters[name] for name in names))


async def driver_of(connection: AsyncConnection) -> "Driver":
    """Return the driver's own connection, inside the transaction."""
    driver: Driver = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment] # asyncpg's
    if not driver.is_in_transaction():
        # SQLAlchemy begins with the first statement that goes through it.
        await connection.execute(_BEGIN)
    return driver


@cache
def _positional(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement as the driver takes it, and the names of its parameters in order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names


def named(parameter: str) -> str:
    """Return what in a statement stands for names that are handed over `joined`."""
    return rf"string_to_array(CAST(:{parameter} AS text), E'\x1f')"


def joined(names: Iterable[str]) -> str:
    """Return names, which hold no control characters, as one text: the driver takes longer over an array's elements."""
    return "\x1f".join(names)


class Columns:
    """A table's columns and their types, from which its set-based statements are made once."""

    def __init__(self, table: str, key: Sequence[str], /, **types: str) -> None:
        self.table = table
        self.names = tuple(types)
        arrays = ", ".join(f"CAST(:{name} AS {_array(kind)})" for name, kind in types.items())
        columns = ", ".join(self.names)
        rows = f"SELECT {', '.join(_restored(name, kind) for name, kind in types.items())}"
        rows += f" FROM unnest({arrays}) AS rows({columns})"
        self.select = f"SELECT {columns} FROM {SCHEMA}.{table}"
        """Rows of these columns, in this order."""
        base = f"INSERT INTO {SCHEMA}.{table} ({columns}) {rows}"
        sets = ", ".join(f"{name} = excluded.{name}" for name in self.names if name not in key)
        self._upsert = f"{base} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"
        same = " AND ".join(f"t.{name} = rows.{name}" for name in key)
        taken = ", ".join(f"{name} = rows.{name}" for name in self.names if name not in key)
        self._update = f"UPDATE {SCHEMA}.{table} t SET {taken} FROM ({rows}) AS rows WHERE {same}"
        self._ignore = f"{base} ON CONFLICT ({', '.join(key)}) DO NOTHING"

    async def insert(self, connection: AsyncConnection, rows: Iterable[Row]) -> None:
        """Insert the rows, with arrays as sequences. Raises IntegrityError for a key that is there already."""
        rows = list(rows)
        if not rows:
            return
        driver = await driver_of(connection)
        try:
            await driver.copy_records_to_table(self.table, schema_name=SCHEMA, columns=self.names, records=rows)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(f"COPY {self.table}", None, error) from error

    async def upsert(self, connection: AsyncConnection, rows: Iterable[Row]) -> None:
        """Insert the rows, with arrays as literals, or overwrite those with the same key."""
        await self._run(connection, self._upsert, rows)

    async def insert_missing(self, connection: AsyncConnection, rows: Iterable[Row]) -> None:
        """Insert the rows whose keys are not there, with arrays as literals."""
        await self._run(connection, self._ignore, rows)

    async def update(self, connection: AsyncConnection, rows: Iterable[Row]) -> None:
        """Overwrite these columns of the rows with the same key; a key that is not there is passed over."""
        await self._run(connection, self._update, rows)

    async def _run(self, connection: AsyncConnection, statement: str, rows: Iterable[Row]) -> None:
        columns = zip(*rows, strict=True)
        if parameters := dict(zip(self.names, columns, strict=False)):
            await fetch(connection, statement, **parameters)


def _array(kind: str) -> str:
    """Arrays travel as text, since `unnest` would flatten them."""
    return "text[]" if kind == "text[]" else f"{kind}[]"


def _restored(name: str, kind: str) -> str:
    return f"CAST({name} AS {kind})" if kind == "text[]" else name


def array_literal(values: Iterable[str]) -> str:
    """Return a text array as PostgreSQL writes it."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
