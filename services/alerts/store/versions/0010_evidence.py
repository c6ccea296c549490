"""A chain over the attempts of each subscription, and signed checkpoints of it.

Attempts from before are in no chain.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE alerts.attempt
    ADD COLUMN subscription_id uuid, ADD COLUMN link bigint, ADD COLUMN url text, ADD COLUMN body_sha256 bytea,
    ADD COLUMN hash bytea;
CREATE UNIQUE INDEX attempt_link ON alerts.attempt (subscription_id, link) WHERE link IS NOT NULL;
-- Outlives its subscription.
CREATE TABLE alerts.chain (
    subscription_id uuid PRIMARY KEY, links bigint NOT NULL, hash bytea NOT NULL,
    signed_links bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE TABLE alerts.checkpoint (
    subscription_id uuid, links bigint, hash bytea NOT NULL, at timestamptz NOT NULL,
    public bytea NOT NULL, signature bytea NOT NULL,
    PRIMARY KEY (subscription_id, links)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE alerts.checkpoint, alerts.chain")
    op.execute("""ALTER TABLE alerts.attempt DROP COLUMN subscription_id, DROP COLUMN link, DROP COLUMN url,
        DROP COLUMN body_sha256, DROP COLUMN hash""")
