"""Changes of lanes that tell which earlier one no longer stands.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE licensing.lane_change ADD COLUMN supersedes text")


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
