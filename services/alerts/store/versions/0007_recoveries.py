"""Recoveries: past deliveries of a subscription that are made once more, with the place that each has come to.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE alerts.recovery (
    recovery_id uuid PRIMARY KEY DEFAULT uuidv7(),
    subscription_id uuid NOT NULL,
    what text NOT NULL CHECK (what IN ('undelivered', 'all')),
    in_order boolean NOT NULL,
    since timestamptz, until timestamptz,
    state text NOT NULL DEFAULT 'counting' CHECK (state IN ('counting', 'running', 'done', 'stopped')),
    -- Alerts with numbers above the first and up to the second are looked at; how far is stored with each step.
    after_no bigint NOT NULL, until_no bigint NOT NULL,
    counted_no bigint NOT NULL, taken_no bigint NOT NULL,
    total bigint NOT NULL DEFAULT 0, taken bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX recovery_active ON alerts.recovery (subscription_id) WHERE state IN ('counting', 'running');
CREATE INDEX recovery_listed ON alerts.recovery (subscription_id, recovery_id);
ALTER TABLE alerts.delivery ADD COLUMN recovery_id uuid;
-- Comes after the first attempts of its endpoint.
ALTER TABLE alerts.delivery ADD COLUMN is_behind boolean NOT NULL DEFAULT false;
CREATE INDEX delivery_recovered ON alerts.delivery (subscription_id, alert_no)
    WHERE state = 'due' AND recovery_id IS NOT NULL;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE alerts.delivery DROP COLUMN recovery_id, DROP COLUMN is_behind")
    op.execute("DROP TABLE alerts.recovery")
