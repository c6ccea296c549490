"""Price series, each with all that is remembered of it.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # By bytes, so that pages of the list follow the order in which rows are locked.
    op.execute('CREATE TABLE licensing.price (price_id text COLLATE "C" PRIMARY KEY, state text)')


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
