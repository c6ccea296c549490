"""Escalations to a second subscription, what waits for an acknowledgement, and acknowledgements.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE alerts.escalation (
    subscription_id uuid PRIMARY KEY REFERENCES alerts.subscription ON DELETE CASCADE,
    to_id uuid NOT NULL REFERENCES alerts.subscription,
    after_s double precision NOT NULL CHECK (after_s > 0),
    min_severity smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Up to which alert it was looked for what must be acknowledged; whoever looks locks the row.
CREATE TABLE alerts.escalation_place (looked_no bigint NOT NULL);
INSERT INTO alerts.escalation_place SELECT coalesce(max(alert_no), 0) FROM alerts.alert;
CREATE TABLE alerts.awaited (
    delivery_id uuid PRIMARY KEY, subscription_id uuid NOT NULL, alert_no bigint NOT NULL,
    escalated_at timestamptz, failure text
);
CREATE INDEX awaited_open ON alerts.awaited (subscription_id, delivery_id) WHERE escalated_at IS NULL;
CREATE INDEX awaited_listed ON alerts.awaited (subscription_id, delivery_id);
CREATE TABLE alerts.acknowledgement (
    delivery_id uuid PRIMARY KEY, who text NOT NULL, note text,
    acknowledged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE alerts.acknowledgement, alerts.awaited, alerts.escalation_place, alerts.escalation")
