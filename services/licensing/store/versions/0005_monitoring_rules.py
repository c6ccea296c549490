"""Monitoring rules: rulebooks by version, what they said, and what each decision was judged on.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE licensing.rulebook (
        rulebook_id text PRIMARY KEY, ordinal int NOT NULL UNIQUE, at timestamptz NOT NULL, caused_by text NOT NULL,
        digest bytea NOT NULL, terms text NOT NULL
    )""",
    # A rule speaks once of a shipment, and may fail on other lines of it.
    """CREATE TABLE licensing.finding (
        decision_id text, rule_id text, has_failed boolean, shipment_id text NOT NULL, rulebook text NOT NULL,
        effect text NOT NULL, severity text NOT NULL, lines int[] NOT NULL, says text NOT NULL, at timestamptz NOT NULL,
        PRIMARY KEY (decision_id, rule_id, has_failed)
    )""",
    "CREATE INDEX finding_latest ON licensing.finding (has_failed, at, decision_id, rule_id)",
    "CREATE INDEX finding_rule ON licensing.finding (rule_id, has_failed, at, decision_id)",
    "CREATE INDEX finding_rulebook ON licensing.finding (rulebook, has_failed, at, decision_id, rule_id)",
    "CREATE INDEX finding_shipment ON licensing.finding (shipment_id, has_failed, at, decision_id, rule_id)",
    "ALTER TABLE licensing.decision ADD COLUMN rulebook text, ADD COLUMN basis text",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
