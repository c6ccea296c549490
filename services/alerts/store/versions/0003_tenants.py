"""Every subscription belongs to a tenant; idempotency keys are each tenant's own.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alerts.subscription ADD COLUMN tenant text NOT NULL DEFAULT 'default'")
    op.execute("ALTER TABLE alerts.subscription DROP CONSTRAINT subscription_idempotency_key_key")
    op.execute("ALTER TABLE alerts.subscription ADD UNIQUE (tenant, idempotency_key)")
    op.execute("CREATE INDEX ON alerts.subscription (tenant, subscription_id)")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts.subscription DROP COLUMN tenant")
    op.execute("ALTER TABLE alerts.subscription ADD UNIQUE (idempotency_key)")
