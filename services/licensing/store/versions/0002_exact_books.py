"""Accounts with units, entries with what was free after them, bodies of all events, decisions that are superseded.

Revision ID: 0002

Books that an earlier version wrote count by other rules. They are not carried over: with events in
them the migration stops and says so.
"""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
DROP TABLE licensing.event, licensing.regime, licensing.quota, licensing.licence, licensing.licence_scope,
    licensing.account, licensing.ledger_entry, licensing.shipment, licensing.decision;
DROP SEQUENCE licensing.parking;
DROP FUNCTION licensing.entries_are_kept;
-- One value a batch: what the batch numbers lies between it and the next.
CREATE SEQUENCE licensing.place INCREMENT 1000000 START 1000000;
CREATE TABLE licensing.event (
    source text, id text, type text NOT NULL, time timestamptz NOT NULL, body_hash bytea NOT NULL,
    partition int NOT NULL, kafka_offset bigint NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL CHECK (status IN ('decided', 'parked', 'dead')), outcome text NOT NULL,
    waiting_for text, deadline timestamptz, parking_no bigint, entity text NOT NULL, body bytea NOT NULL,
    number bigint NOT NULL, applied_no bigint, retracted_by text,
    PRIMARY KEY (source, id),
    CHECK ((status = 'parked') = (waiting_for IS NOT NULL)),
    CHECK ((status = 'parked') = (deadline IS NOT NULL AND parking_no IS NOT NULL)),
    CHECK ((status = 'parked') = (applied_no IS NULL))
);
CREATE INDEX event_waiting ON licensing.event (waiting_for, parking_no) WHERE status = 'parked';
CREATE INDEX event_deadline ON licensing.event (deadline) WHERE status = 'parked';
CREATE INDEX event_entity ON licensing.event (entity);
CREATE TABLE licensing.regime (regime_id text PRIMARY KEY, terms text NOT NULL, state text NOT NULL);
CREATE TABLE licensing.quota (quota_id text PRIMARY KEY, terms text NOT NULL, state text NOT NULL);
CREATE TABLE licensing.licence (
    licence_id text PRIMARY KEY, state text NOT NULL, since timestamptz, exporter text, batch_id text,
    valid_from timestamptz, valid_until timestamptz, terms text, opens text NOT NULL, stops text NOT NULL,
    CHECK ((state = 'awaited') = (terms IS NULL))
);
CREATE TABLE licensing.batch (batch_id text PRIMARY KEY, terms text NOT NULL, issued_at timestamptz NOT NULL);
CREATE INDEX licence_begins ON licensing.licence (valid_from, licence_id) WHERE state = 'issued';
CREATE INDEX licence_ends ON licensing.licence (valid_until, licence_id)
    WHERE state IN ('issued', 'active', 'exhausted', 'suspended');
CREATE INDEX licence_batch ON licensing.licence (batch_id) WHERE batch_id IS NOT NULL;
-- By bytes, so that the accounts of one owner are one range of the index.
CREATE TABLE licensing.account (
    account_id text COLLATE "C" PRIMARY KEY, unit text NOT NULL, granted bigint NOT NULL, reserved bigint NOT NULL,
    written_off bigint NOT NULL, excess bigint NOT NULL, entries bigint NOT NULL,
    CHECK (granted >= 0 AND reserved >= 0 AND written_off >= 0 AND excess >= 0),
    CONSTRAINT never_overdrawn CHECK (reserved + written_off <= granted + excess)
);
CREATE TABLE licensing.ledger_entry (
    account_id text COLLATE "C", number bigint, kind text NOT NULL, granted bigint NOT NULL, reserved bigint NOT NULL,
    written_off bigint NOT NULL, free_after bigint NOT NULL, beyond bigint NOT NULL, shipment_id text, line_no int,
    caused_by text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, number),
    CONSTRAINT no_draw_beyond_what_is_free
        CHECK (kind NOT IN ('reserve', 'brought_forward') OR free_after + beyond >= 0)
);
CREATE INDEX ledger_entry_shipment ON licensing.ledger_entry (shipment_id);
-- Whatever a program says: each entry follows from the one before it, so what was free is not a matter of opinion.
CREATE FUNCTION licensing.entries_follow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF EXISTS (SELECT FROM added a LEFT JOIN licensing.ledger_entry p
        ON p.account_id = a.account_id AND p.number = a.number - 1
        WHERE a.free_after <> coalesce(p.free_after, 0) + a.granted - a.reserved - a.written_off
        OR (p.account_id IS NULL) <> (a.number = 1))
    THEN RAISE EXCEPTION 'a ledger entry does not follow from the one before it' USING ERRCODE = 'check_violation'; END IF; RETURN NULL; END $$;
CREATE TRIGGER entries_follow AFTER INSERT ON licensing.ledger_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.entries_follow();
CREATE TABLE licensing.shipment (
    shipment_id text PRIMARY KEY, declared text NOT NULL, declared_at timestamptz NOT NULL, lanes text[] NOT NULL,
    exporter text NOT NULL, progress text NOT NULL, is_held boolean NOT NULL, held_as_of timestamptz,
    outcome text CHECK (outcome IN ('permitted', 'held', 'denied')), decisions int NOT NULL,
    reservation text NOT NULL, draws text NOT NULL, cleared_at timestamptz, left_at timestamptz
);
CREATE TABLE licensing.decision (
    decision_id text PRIMARY KEY, shipment_id text NOT NULL, outcome text NOT NULL, reasons text NOT NULL,
    ledger_entries text[] NOT NULL, policy_version text NOT NULL, caused_by text NOT NULL, at timestamptz NOT NULL,
    superseded_by text
);
CREATE INDEX decision_shipment ON licensing.decision (shipment_id);
-- History is only ever added to.
CREATE FUNCTION licensing.entries_are_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'ledger entries are never changed or removed'; END $$;
CREATE TRIGGER entries_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing.ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.entries_are_kept();
"""


def upgrade() -> None:
    if op.get_bind().execute(text("SELECT EXISTS (SELECT FROM licensing.event)")).scalar_one():
        raise RuntimeError(
            "the books of licensing were written by a version before 0.2, which counted by other rules:"
            " start with an empty database (`lanewatch clean`)"
        )
    for statement in _split(STATEMENTS):
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("books are not rewritten by older rules")


def _split(text: str) -> list[str]:
    """Split at line ends after a semicolon; nothing in the statements ends a line with one but themselves."""
    return [s for s in text.replace("END $$;\n", "END $$;;\n").split(";\n") if s.strip(" ;\n")]
