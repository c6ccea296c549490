"""Alembic revisions of the schema `alerts`."""
