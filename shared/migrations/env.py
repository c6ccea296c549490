"""Alembic's entry for every service: runs on the connection and in the schema that it is handed."""

from alembic import context

_attributes = context.config.attributes
context.configure(
    connection=_attributes["connection"],
    version_table_schema=_attributes["schema"],
    include_schemas=True,
    target_metadata=None,
)
context.run_migrations()
