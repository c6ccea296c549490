"""What is tried again and what is not, as PostgreSQL itself reports it."""

import pytest
from sqlalchemy import text

from shared.database import make_engine, transaction
from shared.errors import RetryableError


async def test_a_lock_not_had_in_time_is_tried_again(database_url: str) -> None:
    engine = make_engine(database_url, "test")
    try:
        async with transaction(engine) as holder:
            await holder.execute(text("CREATE TABLE t (a int)"))
            await holder.execute(text("SELECT pg_advisory_xact_lock(1)"))
            with pytest.raises(RetryableError):
                async with transaction(engine) as waiter:
                    await waiter.execute(text("SET LOCAL lock_timeout = '50ms'"))
                    await waiter.execute(text("SELECT pg_advisory_xact_lock(1)"))
    finally:
        await engine.dispose()


async def test_a_transaction_that_idles_is_ended_and_tried_again(database_url: str) -> None:
    engine = make_engine(database_url, "test")
    try:
        with pytest.raises(RetryableError):
            async with transaction(engine) as sleeper:
                await sleeper.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
                async with transaction(engine) as other:
                    await other.execute(text("SELECT pg_sleep(0.3)"))
                await sleeper.execute(text("SELECT 1"))
    finally:
        await engine.dispose()


async def test_a_fault_of_the_data_is_not_tried_again(database_url: str) -> None:
    engine = make_engine(database_url, "test")
    try:
        with pytest.raises(Exception, match="division by zero") as caught:
            async with transaction(engine) as c:
                await c.execute(text("SELECT 1 / 0"))
        assert not isinstance(caught.value, RetryableError)
    finally:
        await engine.dispose()


async def test_a_database_that_is_away_is_tried_again() -> None:
    engine = make_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", "test")
    with pytest.raises(RetryableError):
        async with transaction(engine):
            pass


async def test_a_transaction_that_lasts_too_long_is_ended_and_tried_again(database_url: str) -> None:
    engine = make_engine(database_url, "test", transaction_timeout_s=0.2)
    try:
        with pytest.raises(RetryableError):
            async with transaction(engine) as slow:
                await slow.execute(text("SELECT pg_sleep(5)"))
    finally:
        await engine.dispose()
