"""When an alert came about, and when a delivery was first accepted.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alerts.alert ADD COLUMN accepted_at timestamptz, ADD COLUMN decided_at timestamptz")
    op.execute("ALTER TABLE alerts.delivery ADD COLUMN first_accepted_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts.alert DROP COLUMN accepted_at, DROP COLUMN decided_at")
    op.execute("ALTER TABLE alerts.delivery DROP COLUMN first_accepted_at")
