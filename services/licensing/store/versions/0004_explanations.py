"""What explaining a thing asks for: the decisions on a licence, and what an event brought about.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Denials too, which draw nothing and so stand in no ledger.
    """CREATE TABLE licensing.decision_on_licence (
        licence_id text, at timestamptz, decision_id text, PRIMARY KEY (licence_id, at, decision_id)
    )""",
    """INSERT INTO licensing.decision_on_licence
        SELECT DISTINCT named.licence_id, d.at, d.decision_id
        FROM licensing.decision d JOIN licensing.shipment s USING (shipment_id),
             jsonb_array_elements(s.declared::jsonb->'lines') AS line,
             LATERAL (SELECT line->>'licence_id' UNION ALL
                      SELECT jsonb_array_elements_text(coalesce(line->'other_licence_ids', '[]'))) AS named(licence_id)
        WHERE named.licence_id IS NOT NULL""",
    # What a shipment's event posted is found by the shipment; the grants are few beside it.
    "CREATE INDEX ledger_entry_cause ON licensing.ledger_entry (caused_by) WHERE shipment_id IS NULL",
    "CREATE INDEX lane_change_cause ON licensing.lane_change (caused_by)",
    "CREATE INDEX dead_letter_event ON licensing.dead_letter (source, id)",
    # In the order in which events were applied; what still waits is the latest.
    "DROP INDEX licensing.event_entity",
    """CREATE INDEX event_history ON licensing.event
        (entity, coalesce(applied_no, 9223372036854775807), number)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
