"""The latest pulse of the pipeline, and whether it was told that none comes.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE alerts.pulse (clock timestamptz NOT NULL, is_stuck boolean NOT NULL DEFAULT false)")
    op.execute("INSERT INTO alerts.pulse (clock) VALUES (now())")


def downgrade() -> None:
    op.execute("DROP TABLE alerts.pulse")
