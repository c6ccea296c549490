"""What is still to be done with a subscription's deliveries, a portion at a time, after it was changed or deleted.

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No key into the queue: that of a deleted subscription is gone.
    op.execute("""
        CREATE TABLE alerts.leftover (
            leftover_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            subscription_id uuid NOT NULL, step text NOT NULL, made_at timestamptz NOT NULL,
            -- Only of what waits to be told.
            severity text, state text, until timestamptz
        )""")
    op.execute("CREATE INDEX leftover_subscription ON alerts.leftover (subscription_id, leftover_no)")


def downgrade() -> None:
    op.execute("DROP TABLE alerts.leftover")
