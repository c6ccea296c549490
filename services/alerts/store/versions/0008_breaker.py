"""How endpoints fare (breaker, pace), notices of that to be told, and alerts that are one tenant's own.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    # `failing_since` and `rests_until` are part of it since 0001.
    """ALTER TABLE alerts.queue
        ADD COLUMN breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
        ADD COLUMN strain int NOT NULL DEFAULT 0,
        ADD COLUMN recent int NOT NULL DEFAULT 1,
        ADD COLUMN rests int NOT NULL DEFAULT 0,
        ADD COLUMN tries int NOT NULL DEFAULT 0,
        ADD COLUMN closed_at timestamptz,
        ADD COLUMN last_error text,
        -- What was told of it last; null once it was told that it works again.
        ADD COLUMN told text CHECK (told IN ('failing', 'disabled')),
        ADD COLUMN max_per_second double precision CHECK (max_per_second > 0),
        ADD COLUMN max_in_flight int CHECK (max_in_flight > 0),
        ADD COLUMN paced_until timestamptz""",
    # An endpoint that rests is not even looked at before its time.
    "DROP INDEX alerts.queue_due",
    "DROP INDEX alerts.queue_due_failing",
    """CREATE INDEX queue_due ON alerts.queue (greatest(due_at, rests_until, paced_until))
        WHERE is_open AND worker_id IS NULL AND failing_since IS NULL AND due_at IS NOT NULL""",
    """CREATE INDEX queue_due_failing ON alerts.queue (greatest(due_at, rests_until, paced_until))
        WHERE is_open AND worker_id IS NULL AND failing_since IS NOT NULL AND due_at IS NOT NULL""",
    # First attempts and others are looked up apart, so that neither starves the other.
    "DROP INDEX alerts.delivery_due",
    """CREATE INDEX delivery_due_first ON alerts.delivery (subscription_id, alert_no)
        WHERE state = 'due' AND attempts = 0 AND NOT is_behind""",
    """CREATE INDEX delivery_due_again ON alerts.delivery (subscription_id, alert_no)
        WHERE state = 'due' AND attempts > 0 AND NOT is_behind""",
    """CREATE INDEX delivery_due_again_lane ON alerts.delivery (subscription_id, order_key, alert_no)
        WHERE state = 'due' AND attempts > 0 AND order_key IS NOT NULL AND NOT is_behind""",
    """CREATE TABLE alerts.notice (
        notice_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subscription_id uuid NOT NULL, step text NOT NULL CHECK (step IN ('failing', 'recovered', 'disabled')),
        since timestamptz NOT NULL, happened_at timestamptz NOT NULL, last_error text
    )""",
    "ALTER TABLE alerts.alert ADD COLUMN tenant text",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE alerts.notice")
    op.execute("ALTER TABLE alerts.alert DROP COLUMN tenant")
    op.execute("DROP INDEX alerts.delivery_due_first, alerts.delivery_due_again, alerts.delivery_due_again_lane")
    op.execute("CREATE INDEX delivery_due ON alerts.delivery (subscription_id, alert_no) WHERE state = 'due'")
    op.execute("DROP INDEX alerts.queue_due, alerts.queue_due_failing")
    for name in ("breaker", "strain", "recent", "rests", "tries", "closed_at", "last_error", "told"):
        op.execute(f"ALTER TABLE alerts.queue DROP COLUMN {name}")
    for name in ("max_per_second", "max_in_flight", "paced_until"):
        op.execute(f"ALTER TABLE alerts.queue DROP COLUMN {name}")
    where = "WHERE is_open AND worker_id IS NULL AND failing_since IS {} NULL AND due_at IS NOT NULL"
    op.execute(f"CREATE INDEX queue_due ON alerts.queue (due_at) {where.format('')}")
    op.execute(f"CREATE INDEX queue_due_failing ON alerts.queue (due_at) {where.format('NOT')}")
