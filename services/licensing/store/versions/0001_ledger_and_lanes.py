"""Registers, ledger, shipments, lanes, the record of events, outbox and offsets.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE licensing.consumer_offset (
    topic text, partition int, next_offset bigint NOT NULL, duplicates bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
);
CREATE TABLE licensing.event (
    source text, id text, type text NOT NULL, time timestamptz NOT NULL, body_hash bytea NOT NULL,
    partition int NOT NULL, kafka_offset bigint NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL CHECK (status IN ('decided', 'parked', 'dead')), outcome text NOT NULL,
    waiting_for text, deadline timestamptz, parking_no bigint, entity text NOT NULL, body bytea,
    PRIMARY KEY (source, id),
    CHECK ((status = 'parked') = (waiting_for IS NOT NULL)),
    CHECK ((status = 'parked') = (deadline IS NOT NULL AND parking_no IS NOT NULL)),
    CHECK (status <> 'parked' OR body IS NOT NULL)
);
CREATE SEQUENCE licensing.parking;
CREATE INDEX event_waiting ON licensing.event (waiting_for, parking_no) WHERE status = 'parked';
CREATE INDEX event_deadline ON licensing.event (deadline) WHERE status = 'parked';
CREATE INDEX event_entity ON licensing.event (entity);
CREATE TABLE licensing.dead_letter (
    partition int, kafka_offset bigint, source text, id text, reason text NOT NULL, pointer text,
    body bytea NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, kafka_offset)
);
CREATE TABLE licensing.register (one boolean PRIMARY KEY DEFAULT true CHECK (one), clock timestamptz);
INSERT INTO licensing.register VALUES (true, NULL);
CREATE TABLE licensing.regime (regime_id text PRIMARY KEY, terms text NOT NULL, state text NOT NULL);
CREATE TABLE licensing.quota (
    quota_id text PRIMARY KEY, terms text NOT NULL, period_end timestamptz NOT NULL, closed_at timestamptz
);
CREATE TABLE licensing.licence (
    licence_id text PRIMARY KEY, state text NOT NULL, since timestamptz, exporter text,
    valid_from timestamptz, valid_until timestamptz, terms text,
    CHECK ((state = 'awaited') = (terms IS NULL))
);
CREATE INDEX licence_begins ON licensing.licence (valid_from);
CREATE INDEX licence_ends ON licensing.licence (valid_until);
CREATE TABLE licensing.licence_scope (
    commodity_group text, origin text, destination text, licence_id text, account_id text,
    PRIMARY KEY (commodity_group, origin, destination, account_id)
);
CREATE INDEX licence_scope_licence ON licensing.licence_scope (licence_id);
-- By bytes, so that the accounts of one licence are one range of the index.
CREATE TABLE licensing.account (
    account_id text COLLATE "C" PRIMARY KEY, granted_mg bigint NOT NULL, reserved_mg bigint NOT NULL,
    written_off_mg bigint NOT NULL, excess_mg bigint NOT NULL, entries bigint NOT NULL,
    CHECK (granted_mg >= 0 AND reserved_mg >= 0 AND written_off_mg >= 0 AND excess_mg >= 0),
    CONSTRAINT never_overdrawn CHECK (reserved_mg + written_off_mg <= granted_mg + excess_mg)
);
CREATE TABLE licensing.ledger_entry (
    account_id text, number bigint, kind text NOT NULL, granted_mg bigint NOT NULL, reserved_mg bigint NOT NULL,
    written_off_mg bigint NOT NULL, shipment_id text, line_no int, caused_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, number)
);
CREATE INDEX ledger_entry_shipment ON licensing.ledger_entry (shipment_id);
CREATE TABLE licensing.shipment (
    shipment_id text PRIMARY KEY, declared text NOT NULL, declared_at timestamptz NOT NULL, lanes text[] NOT NULL,
    exporter text NOT NULL, progress text NOT NULL, is_held boolean NOT NULL, held_as_of timestamptz,
    outcome text CHECK (outcome IN ('permitted', 'held', 'denied')), decisions int NOT NULL,
    reservation text NOT NULL, draws text NOT NULL
);
CREATE TABLE licensing.decision (
    decision_id text PRIMARY KEY, shipment_id text NOT NULL, outcome text NOT NULL, reasons text NOT NULL,
    ledger_entries text[] NOT NULL, policy_version text NOT NULL, caused_by text NOT NULL, at timestamptz NOT NULL
);
CREATE INDEX decision_shipment ON licensing.decision (shipment_id);
CREATE TABLE licensing.lane (
    lane_id text PRIMARY KEY, commodity_group text NOT NULL, origin text NOT NULL, destination text NOT NULL,
    state text NOT NULL, since timestamptz, sequence bigint NOT NULL, reasons text NOT NULL, stats text NOT NULL
);
CREATE INDEX lane_family ON licensing.lane (commodity_group, origin);
CREATE TABLE licensing.lane_change (
    lane_id text, sequence bigint, previous text NOT NULL, state text NOT NULL, at timestamptz NOT NULL,
    reasons text NOT NULL, caused_by text NOT NULL,
    PRIMARY KEY (lane_id, sequence)
);
CREATE TABLE licensing.outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, key text NOT NULL,
    body bytea NOT NULL, headers text, published_at timestamptz, failure text
);
CREATE INDEX outbox_unpublished ON licensing.outbox (number) WHERE published_at IS NULL;
-- History is only ever added to.
CREATE FUNCTION licensing.entries_are_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'ledger entries are never changed or removed'; END $$;
CREATE TRIGGER entries_are_kept BEFORE UPDATE OR DELETE ON licensing.ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.entries_are_kept();
"""


def upgrade() -> None:
    for statement in _split(STATEMENTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP SCHEMA licensing CASCADE")


def _split(text: str) -> list[str]:
    """Split at line ends after a semicolon; nothing in the statements ends a line with one but themselves."""
    return [s for s in text.replace("END $$;\n", "END $$;;\n").split(";\n") if s.strip(" ;\n")]
