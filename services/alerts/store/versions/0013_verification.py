"""Endpoints that have answered the handshake.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE alerts.subscription ADD COLUMN verified_at timestamptz,
            ADD COLUMN verification_asked_at timestamptz""")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts.subscription DROP COLUMN verified_at, DROP COLUMN verification_asked_at")
