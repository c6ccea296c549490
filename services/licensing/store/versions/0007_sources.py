"""Where events come from: what was heard of each source, and what is known of it as of the last tick.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    # A row for each partition that tells of it, so that workers who read side by side never wait for one another.
    """CREATE TABLE licensing.source_seen (
        source text, partition int, at timestamptz NOT NULL, feeds text[] NOT NULL, PRIMARY KEY (source, partition)
    )""",
    "CREATE TABLE licensing.source (source text PRIMARY KEY, state text NOT NULL, is_silent boolean NOT NULL)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the books are not carried back to an older version")
