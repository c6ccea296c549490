"""What buyers have registered of their stock.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE licensing.supply"
        " (supply_id text PRIMARY KEY, terms text NOT NULL, changed_at timestamptz NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
