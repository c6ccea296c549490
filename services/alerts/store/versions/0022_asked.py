"""How much was asked for in a minute: handshakes and tests, by host, tenant and subscription.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What a crash forgets is a minute's count.
    op.execute("""
        CREATE UNLOGGED TABLE alerts.asked (
            who text PRIMARY KEY, began timestamptz NOT NULL, count int NOT NULL, most int NOT NULL)""")
    op.execute("CREATE INDEX asked_began ON alerts.asked (began)")


def downgrade() -> None:
    op.execute("DROP TABLE alerts.asked")
