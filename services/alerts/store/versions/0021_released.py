"""When a delivery that had waited for quiet hours to end, or for a digest, was let go by itself.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alerts.delivery ADD COLUMN released_at timestamptz")
    # Of subscriptions that were deleted.
    op.execute("""DELETE FROM alerts.awaited w USING alerts.subscription s
        WHERE s.subscription_id = w.subscription_id AND s.state = 'deleted'""")
    op.execute("""DELETE FROM alerts.escalation e USING alerts.subscription s
        WHERE s.subscription_id = e.subscription_id AND s.state = 'deleted'""")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts.delivery DROP COLUMN released_at")
