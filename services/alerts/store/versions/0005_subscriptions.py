"""Numbers of a subscription's alerts, and what may be said of a subscription: see decision 18.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATES = ("due", "waiting", "queued", "kept", "gathered", "resting", "digested", "delivered", "exhausted", "cancelled")
UPGRADE = f"""
ALTER TABLE alerts.subscription
    ALTER COLUMN url DROP NOT NULL,
    ADD COLUMN version int NOT NULL DEFAULT 1,
    ADD COLUMN format text NOT NULL DEFAULT 'cloudevents' CHECK (format IN ('cloudevents', 'slack', 'teams')),
    ADD COLUMN ordering text NOT NULL DEFAULT 'lane' CHECK (ordering IN ('lane', 'none')),
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN digest jsonb,
    ADD COLUMN quiet_hours jsonb,
    ADD COLUMN condition_failed_at timestamptz,
    ADD COLUMN condition_failure text;
-- Weighed: more than the index and a few comparisons decides whether and when an alert is for it.
ALTER TABLE alerts.filter_key ADD COLUMN is_weighed boolean NOT NULL DEFAULT false;
CREATE INDEX filter_key_weighed ON alerts.filter_key (commodity_group, origin, destination) WHERE is_weighed;
ALTER TABLE alerts.queue
    ADD COLUMN last_sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN release_at timestamptz;
CREATE INDEX queue_release ON alerts.queue (release_at) WHERE is_open AND release_at IS NOT NULL;
ALTER TABLE alerts.delivery
    -- Null where it is no alert's own: a digest carries alerts, and each has its number.
    ADD COLUMN sequence bigint,
    ADD COLUMN note text,
    ADD COLUMN carried_by uuid,
    DROP CONSTRAINT delivery_state_check,
    ADD CONSTRAINT delivery_state_check CHECK (state IN {STATES});
UPDATE alerts.delivery d SET sequence = n.sequence FROM (
    SELECT delivery_id, row_number() OVER (PARTITION BY subscription_id ORDER BY alert_no) AS sequence
    FROM alerts.delivery) n
WHERE d.delivery_id = n.delivery_id;
UPDATE alerts.queue q SET last_sequence = n.last FROM (
    SELECT subscription_id, max(sequence) AS last FROM alerts.delivery GROUP BY subscription_id) n
WHERE q.subscription_id = n.subscription_id;
CREATE UNIQUE INDEX delivery_sequence ON alerts.delivery (subscription_id, sequence);
CREATE INDEX delivery_held ON alerts.delivery (subscription_id, due_at) WHERE state IN ('gathered', 'resting');
CREATE INDEX delivery_carried ON alerts.delivery (carried_by) WHERE carried_by IS NOT NULL
"""
DOWNGRADE = """
DROP INDEX alerts.delivery_carried, alerts.delivery_held, alerts.delivery_sequence, alerts.queue_release,
    alerts.filter_key_weighed;
DELETE FROM alerts.delivery WHERE state IN ('kept', 'gathered', 'resting', 'digested');
ALTER TABLE alerts.delivery DROP COLUMN sequence, DROP COLUMN note, DROP COLUMN carried_by;
ALTER TABLE alerts.queue DROP COLUMN last_sequence, DROP COLUMN release_at;
ALTER TABLE alerts.filter_key DROP COLUMN is_weighed;
DELETE FROM alerts.subscription WHERE url IS NULL;
ALTER TABLE alerts.subscription ALTER COLUMN url SET NOT NULL, DROP COLUMN version, DROP COLUMN format,
    DROP COLUMN ordering, DROP COLUMN expires_at, DROP COLUMN digest, DROP COLUMN quiet_hours,
    DROP COLUMN condition_failed_at, DROP COLUMN condition_failure
"""


def upgrade() -> None:
    for statement in UPGRADE.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE.split(";\n"):
        op.execute(statement)
