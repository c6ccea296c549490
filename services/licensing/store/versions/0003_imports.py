"""What was imported, and the events that each import made.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE licensing.import (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content text NOT NULL, at timestamptz NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX import_content ON licensing.import (content);
CREATE TABLE licensing.import_event (
    import_no bigint REFERENCES licensing.import, position int, source text NOT NULL, id text NOT NULL,
    type text NOT NULL, licence_id text NOT NULL,
    PRIMARY KEY (import_no, position), UNIQUE (source, id)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE licensing.import_event")
    op.execute("DROP TABLE licensing.import")
