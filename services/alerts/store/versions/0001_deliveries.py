"""Subscriptions and their index, alerts, deliveries, attempts, lanes, offsets and dead letters.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE alerts.consumer_offset (
    topic text, partition int, next_offset bigint NOT NULL, duplicates bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
);
CREATE TABLE alerts.alert (
    alert_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL, id text NOT NULL, kind text NOT NULL, severity text NOT NULL, lane text,
    happened_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body bytea NOT NULL,
    UNIQUE (source, id)
);
CREATE INDEX alert_lane ON alerts.alert (lane, alert_no);
CREATE INDEX alert_kind ON alerts.alert (kind, alert_no);
CREATE TABLE alerts.subscription (
    subscription_id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL, url text NOT NULL, secret text, filter jsonb NOT NULL,
    exporters text[] NOT NULL, kinds text[] NOT NULL, min_severity smallint NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled', 'deleted')),
    state_reason text, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    idempotency_key text UNIQUE, idempotency_hash bytea,
    CHECK ((state = 'deleted') = (secret IS NULL))
);
-- One row for each subscription and concrete key of its filter: alerts find them by their few keys.
CREATE TABLE alerts.filter_key (
    commodity_group text, origin text, destination text,
    subscription_id uuid REFERENCES alerts.subscription ON DELETE CASCADE,
    PRIMARY KEY (commodity_group, origin, destination, subscription_id)
);
CREATE INDEX filter_key_subscription ON alerts.filter_key (subscription_id);
-- A process that sends; its claims are free again once it was silent for the lease, or has started anew.
CREATE TABLE alerts.worker (
    worker_id uuid PRIMARY KEY, instance text NOT NULL UNIQUE, alive_until timestamptz NOT NULL
);
-- What one endpoint is to be sent: whoever changes its deliveries holds this row's lock.
CREATE TABLE alerts.queue (
    subscription_id uuid PRIMARY KEY REFERENCES alerts.subscription ON DELETE CASCADE,
    is_open boolean NOT NULL DEFAULT true,
    due_at timestamptz,
    rests_until timestamptz,
    worker_id uuid,
    failing_since timestamptz,
    last_accepted_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX queue_due ON alerts.queue (due_at)
    WHERE is_open AND worker_id IS NULL AND failing_since IS NULL AND due_at IS NOT NULL;
CREATE INDEX queue_due_failing ON alerts.queue (due_at)
    WHERE is_open AND worker_id IS NULL AND failing_since IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX queue_claimed ON alerts.queue (worker_id) WHERE worker_id IS NOT NULL;
-- No foreign keys on the two tables that grow: they are written by single statements over the rows they name.
CREATE TABLE alerts.delivery (
    delivery_id uuid PRIMARY KEY DEFAULT uuidv7(),
    subscription_id uuid NOT NULL, alert_no bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('due', 'waiting', 'queued', 'delivered', 'exhausted', 'cancelled')),
    -- The lane in which its place counts; null once it has lost its place or never had one.
    order_key text,
    due_at timestamptz,
    step int NOT NULL DEFAULT 0, attempts int NOT NULL DEFAULT 0,
    first_attempt_at timestamptz, last_attempt_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(), settled_at timestamptz,
    UNIQUE (subscription_id, alert_no),
    CHECK (state <> 'waiting' OR due_at IS NOT NULL)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
-- Past deliveries are in none of these, so their number does not matter to what is sent.
CREATE INDEX delivery_due ON alerts.delivery (subscription_id, alert_no) WHERE state = 'due';
CREATE INDEX delivery_waiting ON alerts.delivery (subscription_id, due_at) WHERE state = 'waiting';
CREATE INDEX delivery_waiting_lane ON alerts.delivery (subscription_id, order_key)
    WHERE state = 'waiting' AND order_key IS NOT NULL;
CREATE INDEX delivery_queued ON alerts.delivery (subscription_id, order_key, alert_no) WHERE state = 'queued';
CREATE INDEX delivery_listed ON alerts.delivery (subscription_id, delivery_id);
CREATE INDEX delivery_not_delivered ON alerts.delivery (state, delivery_id) WHERE state <> 'delivered';
CREATE INDEX delivery_alert ON alerts.delivery (alert_no);
CREATE TABLE alerts.attempt (
    delivery_id uuid, started_at timestamptz, number int NOT NULL, duration_ms double precision NOT NULL,
    status int, error text, response_excerpt text,
    -- So that an attempt whose record was committed, though the answer to that was lost, stands once.
    PRIMARY KEY (delivery_id, started_at),
    CHECK (status IS NOT NULL OR error IS NOT NULL)
);
CREATE TABLE alerts.lane (
    lane_id text PRIMARY KEY, commodity_group text NOT NULL, origin text NOT NULL, destination text NOT NULL,
    exporter text, state text NOT NULL, previous text NOT NULL, since timestamptz NOT NULL, sequence bigint NOT NULL,
    severity text NOT NULL, headline text NOT NULL, reasons jsonb NOT NULL, alert_no bigint NOT NULL
);
CREATE TABLE alerts.dead_letter (
    dead_letter_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL, partition int NOT NULL, kafka_offset bigint NOT NULL, key bytea, body bytea,
    reason text NOT NULL, pointer text, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    UNIQUE (topic, partition, kafka_offset)
);
CREATE INDEX dead_letter_unpublished ON alerts.dead_letter (dead_letter_no) WHERE published_at IS NULL;
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DROP SCHEMA alerts CASCADE")
