"""Signing keys that are retired stay, without their private part.

Revision ID: 0025
"""

from alembic import op

revision = "0025"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Then `sealed` holds the public part, so that nobody who cannot seal can put a key of his own there.
    op.execute("ALTER TABLE alerts.signing_key ADD COLUMN is_public_only boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("DELETE FROM alerts.signing_key WHERE is_public_only")
    op.execute("ALTER TABLE alerts.signing_key DROP COLUMN is_public_only")
