"""What an earlier version has stored is still there after the database was brought to this one."""

from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

import shared.migrations
from lanewatch.stack import StackConfig
from services.alerts.signing.resealing import reseal
from services.alerts.signing.vault import Vault
from services.alerts.store import SCHEMA, VERSIONS
from shared.database import make_engine, transaction, upgrade_schema

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published in the standard
DELETED, KEPT = UUID(int=1), UUID(int=2)


def move(connection: Connection, revision: str) -> None:
    """Bring the schema up to a revision."""
    config = Config()
    config.set_main_option("script_location", next(iter(shared.migrations.__path__)))
    config.set_main_option("version_locations", str(VERSIONS))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, schema=SCHEMA)
    command.upgrade(config, revision)


async def test_secrets_that_were_stored_as_they_are_are_kept_and_sealed(bare_config: StackConfig) -> None:
    engine = make_engine(bare_config.database_url, "tests")
    vault = Vault([b"k" * 32])
    try:
        async with transaction(engine) as connection:
            await connection.execute(text(f'CREATE SCHEMA "{SCHEMA}"'))
            await connection.run_sync(move, "0003")
            await connection.execute(
                text("""INSERT INTO alerts.subscription
                    (subscription_id, name, url, secret, filter, exporters, kinds, min_severity, state)
                    VALUES (:kept, 'n', 'u', :secret, '{}', '{}', '{}', 0, 'active'),
                        (:deleted, 'n', 'u', NULL, '{}', '{}', '{}', 0, 'deleted')"""),
                {"kept": KEPT, "deleted": DELETED, "secret": SECRET},
            )
        await upgrade_schema(engine, SCHEMA, VERSIONS)
        assert await reseal(engine, vault) == 1
        async with transaction(engine) as connection:
            rows = (await connection.execute(text("SELECT subscription_id, sealed FROM alerts.secret"))).all()
            signatures = await connection.execute(text("SELECT DISTINCT signature FROM alerts.subscription"))
            assert signatures.scalars().all() == ["hmac"]
        assert [row.subscription_id for row in rows] == [KEPT]
        assert vault.open(rows[0].sealed, f"subscription {KEPT}") == SECRET.encode()
    finally:
        await engine.dispose()
