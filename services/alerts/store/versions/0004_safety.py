"""Secrets sealed and apart from subscriptions, kinds of signature, tenants' signing keys.

What stands in `secret` from before is sealed by the service when it starts, since only it knows the key.

Revision ID: 0004, which was put after 0008
"""

from alembic import op

revision = "0004"
down_revision = "0008"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE alerts.secret (
    subscription_id uuid PRIMARY KEY REFERENCES alerts.subscription ON DELETE CASCADE,
    sealed text NOT NULL,
    -- The one before signs as well until then.
    sealed_before text, before_until timestamptz,
    CHECK ((sealed_before IS NULL) = (before_until IS NULL))
);
INSERT INTO alerts.secret (subscription_id, sealed)
    SELECT subscription_id, secret FROM alerts.subscription WHERE secret IS NOT NULL;
-- Takes the check of it along.
ALTER TABLE alerts.subscription DROP COLUMN secret,
    ADD COLUMN signature text NOT NULL DEFAULT 'hmac' CHECK (signature IN ('hmac', 'ed25519', 'both'));
CREATE TABLE alerts.signing_key (
    tenant text, key_id text, public bytea NOT NULL, sealed text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Null while it is the tenant's own; then it signs as well until then.
    signs_until timestamptz,
    PRIMARY KEY (tenant, key_id)
);
CREATE UNIQUE INDEX signing_key_current ON alerts.signing_key (tenant) WHERE signs_until IS NULL;
"""
DOWNGRADE = """
DROP TABLE alerts.signing_key;
ALTER TABLE alerts.subscription ADD COLUMN secret text, DROP COLUMN signature;
UPDATE alerts.subscription s SET secret = k.sealed FROM alerts.secret k WHERE k.subscription_id = s.subscription_id;
DROP TABLE alerts.secret;
"""


def upgrade() -> None:
    for statement in UPGRADE.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE.split(";\n"):
        if statement.strip():
            op.execute(statement)
