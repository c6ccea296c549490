"""The tables that batches write, column by column."""

from services.licensing.store.sql import Columns

EVENT = Columns(
    "event",
    ("source", "id"),
    source="text",
    id="text",
    type="text",
    time="timestamptz",
    body_hash="bytea",
    partition="int",
    kafka_offset="bigint",
    status="text",
    outcome="text",
    waiting_for="text",
    deadline="timestamptz",
    parking_no="bigint",
    entity="text",
    body="bytea",
    number="bigint",
    applied_no="bigint",
)
DEAD_LETTER = Columns(
    "dead_letter",
    ("partition", "kafka_offset"),
    partition="int",
    kafka_offset="bigint",
    source="text",
    id="text",
    reason="text",
    pointer="text",
    body="bytea",
)
REGIME = Columns("regime", ("regime_id",), regime_id="text", terms="text", state="text")
QUOTA = Columns("quota", ("quota_id",), quota_id="text", terms="text", state="text")
RULEBOOK = Columns(
    "rulebook",
    ("rulebook_id",),
    rulebook_id="text",
    ordinal="int",
    at="timestamptz",
    caused_by="text",
    digest="bytea",
    terms="text",
)
PRICE = Columns("price", ("price_id",), price_id="text", state="text")
LICENCE = Columns(
    "licence",
    ("licence_id",),
    licence_id="text",
    state="text",
    since="timestamptz",
    exporter="text",
    batch_id="text",
    valid_from="timestamptz",
    valid_until="timestamptz",
    terms="text",
    opens="text",
    stops="text",
)
ACCOUNT = Columns(
    "account",
    ("account_id",),
    account_id="text",
    unit="text",
    granted="bigint",
    reserved="bigint",
    written_off="bigint",
    excess="bigint",
    entries="bigint",
)
ENTRY = Columns(
    "ledger_entry",
    ("account_id", "number"),
    account_id="text",
    number="bigint",
    kind="text",
    granted="bigint",
    reserved="bigint",
    written_off="bigint",
    free_after="bigint",
    beyond="bigint",
    caused_by="text",
    shipment_id="text",
    line_no="int",
)
_MOVING = {
    "progress": "text",
    "is_held": "boolean",
    "held_as_of": "timestamptz",
    "outcome": "text",
    "decisions": "int",
    "reservation": "text",
    "draws": "text",
    "cleared_at": "timestamptz",
    "left_at": "timestamptz",
}
"""What changes of a shipment that is not declared anew."""
SHIPMENT = Columns(
    "shipment",
    ("shipment_id",),
    shipment_id="text",
    declared="text",
    declared_at="timestamptz",
    lanes="text[]",
    exporter="text",
    **_MOVING,
)
SHIPMENT_MOVED = Columns("shipment", ("shipment_id",), shipment_id="text", **_MOVING)
DECISION = Columns(
    "decision",
    ("decision_id",),
    decision_id="text",
    shipment_id="text",
    outcome="text",
    reasons="text",
    ledger_entries="text[]",
    policy_version="text",
    caused_by="text",
    at="timestamptz",
    rulebook="text",
    basis="text",
)
FINDING = Columns(
    "finding",
    ("decision_id", "rule_id", "has_failed"),
    decision_id="text",
    rule_id="text",
    has_failed="boolean",
    shipment_id="text",
    rulebook="text",
    effect="text",
    severity="text",
    lines="int[]",
    says="text",
    at="timestamptz",
)
DECISION_ON_LICENCE = Columns(
    "decision_on_licence",
    ("licence_id", "at", "decision_id"),
    licence_id="text",
    at="timestamptz",
    decision_id="text",
)
LANE = Columns(
    "lane",
    ("lane_id",),
    lane_id="text",
    commodity_group="text",
    origin="text",
    destination="text",
    state="text",
    since="timestamptz",
    sequence="bigint",
    reasons="text",
    stats="text",
    exporter="text",
)
LANE_CHANGE = Columns(
    "lane_change",
    ("lane_id", "sequence"),
    lane_id="text",
    sequence="bigint",
    previous="text",
    state="text",
    at="timestamptz",
    reasons="text",
    caused_by="text",
    supersedes="text",
)
OUTBOX = Columns("outbox", ("number",), topic="text", key="text", body="bytea", headers="text")
BATCH = Columns("batch", ("batch_id",), batch_id="text", terms="text", issued_at="timestamptz")
