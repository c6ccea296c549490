"""Lanes of one exporter, beside those of all.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE licensing.lane ADD COLUMN exporter text")


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
