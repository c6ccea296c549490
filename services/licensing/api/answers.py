"""The shapes of the answers, for the OpenAPI document; a test holds what is sent to them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.events import Effect, FlowState, Outcome


class Answer(BaseModel):
    """Base of what is answered: nothing stands in an answer that the document does not tell of."""

    model_config = ConfigDict(extra="forbid")


class Reason(Answer):
    """A rule that spoke: its id, one sentence, the figures in it, and what would make it pass."""

    rule: str
    says: str
    figures: dict[str, str] = {}
    remedy: str = ""
    effect: Effect | None = None
    """Whether the rule let the shipment pass; absent where it is not about one."""


OutcomeName = Outcome | Literal["withdrawn"]


class Lane(Answer):
    """A commodity group's way from an origin to a destination, or to the world."""

    lane_id: str
    commodity_group: str
    origin: str
    destination: str
    exporter: str | None
    """Null: of all exporters."""
    state: FlowState
    since: datetime | None
    """Null: it has never been anything but dormant."""
    sequence: int
    """How often the state has changed."""
    reasons: list[Reason]


class LaneChange(Answer):
    """One change of flow state with its evidence."""

    sequence: int
    previous: FlowState
    state: FlowState
    at: datetime
    reasons: list[Reason]
    caused_by: str
    supersedes: str | None
    """The alert of the change before, where that no longer stands: it was taken back, or this came late."""


class ChangeOfLane(LaneChange):
    """A change of flow state, and of which lane."""

    lane_id: str


class LaneWithChanges(Lane):
    """A lane with its history, oldest first."""

    changes: list[LaneChange]


class Balance(Answer):
    """What an account was granted, and what of it is reserved, written off and left, as decimals in its unit.

    The unit is `KGM` for a mass, an ISO 4217 code for a value, `C62` for uses; `excess` is used beyond the grant.
    """

    account: str
    unit: str
    granted: str
    reserved: str
    written_off: str
    left: str
    excess: str


LicenceStateName = Literal[
    "awaited", "applied", "issued", "active", "suspended", "exhausted", "expired", "surrendered", "revoked"
]


class Licence(Answer):
    """A licence with the balances of its lines; `awaited` ones are named by shipments and not issued yet."""

    licence_id: str
    state: LicenceStateName
    since: datetime | None
    exporter: str | None
    batch_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    terms: dict[str, Any] | None
    accounts: list[Balance]


class Batch(Answer):
    """A batch of licences; masses are those of its licences together, in kilograms."""

    batch_id: str
    terms: dict[str, Any]
    issued_at: datetime
    licences: int
    """How many were issued in it so far; the authority's own count is in the terms."""
    active: int
    granted_kg: str
    used_kg: str
    left_kg: str


class Entry(Answer):
    """A ledger entry: by how much it changed what is granted, reserved and written off, and what was free then."""

    account_id: str
    number: int
    kind: Literal["grant", "brought_forward", "reserve", "write_off", "give_back", "refund", "unclear"]
    unit: str
    granted: str
    reserved: str
    written_off: str
    free_after: str
    beyond: str
    """The tolerance that the draw was allowed to rely on."""
    shipment_id: str | None
    line_no: int | None
    caused_by: str
    recorded_at: datetime


class EntryPage(Answer):
    """Ledger entries; `next` is the cursor of the next page."""

    items: list[Entry]
    next: str | None


class Particular(Answer):
    """A fact that an event states, as people read it; `was` is what it was before, null for what is new or gone."""

    field: str
    was: str | None
    value: str | None


class HistoryEvent(Answer):
    """An event of a thing's life: what became of it, and what it changed of what the thing is."""

    source: str
    id: str
    type: str
    time: datetime
    recorded_at: datetime
    status: Literal["decided", "parked", "dead"]
    outcome: str
    waiting_for: str | None
    retracted_by: str | None
    """Source and id of the event that took it back."""
    particulars: list[Particular]


class History(Answer):
    """The events of a thing, the one that was applied last first; `next` is the cursor of the page of older ones."""

    items: list[HistoryEvent]
    next: str | None


class Quota(Answer):
    """A quota with the balances of the whole and of its parts; `state` holds its tranches and what was changed."""

    quota_id: str
    terms: dict[str, Any]
    state: dict[str, Any]
    accounts: list[Balance]


class Regime(Answer):
    """A regime with its terms; `state` holds its suspensions and its end."""

    regime_id: str
    terms: dict[str, Any]
    state: dict[str, Any]


class Decision(Answer):
    """What was decided, every rule that spoke, and the ledger entries that followed."""

    decision_id: str
    outcome: OutcomeName
    reasons: list[Reason]
    ledger_entries: list[str]
    policy_version: str
    rulebook: str | None
    caused_by: str
    at: datetime
    superseded_by: str | None
    """The decision that stands in its place."""


class Shipment(Answer):
    """A shipment with its decisions and its ledger entries; `outcome` is null while it is parked."""

    shipment_id: str
    declared: dict[str, Any]
    declared_at: datetime
    lanes: list[str]
    progress: str
    is_held: bool
    outcome: Outcome | None
    reservation: Literal["none", "reserved", "written_off", "given_back"]
    waiting_for: str | None
    """While it is parked: the licence that it waits for."""
    decisions: list[Decision]
    """The oldest first; the one that none supersedes stands."""
    ledger: list[Entry]
    """In the order in which they were written."""
    history: History


class DeadLetterNote(Answer):
    """Why an event could not be used."""

    reason: str
    pointer: str | None
    recorded_at: datetime


class EventStatus(BaseModel):
    """What became of an event; `waiting`: licensing has not seen it."""

    source: str
    id: str
    status: Literal["decided", "parked", "dead", "waiting"]
    type: str | None = None
    time: datetime | None = None
    outcome: str | None = None
    waiting_for: str | None = None
    entity: str | None = None
    retracted_by: str | None = None
    """Source and id of the event that took it back."""
    recorded_at: datetime | None = None
    event: dict[str, Any] | None = None
    """The event as it came."""
    decisions: list[Decision] = []
    """Those that it caused."""
    ledger: list[Entry] = []
    lane_changes: list[ChangeOfLane] = []
    is_whole: bool = True
    """False: only the first thousand decisions, entries or changes are shown."""
    dead_letters: list[DeadLetterNote] = []


class DecisionOnLicence(Answer):
    """A decision on a shipment that named a licence, with the first of its reasons."""

    decision_id: str
    shipment_id: str
    outcome: OutcomeName
    at: datetime
    caused_by: str
    superseded_by: str | None
    says: str
    remedy: str


class DecisionPage(Answer):
    """Decisions, the latest first; `next` is the cursor of the page of older ones."""

    items: list[DecisionOnLicence]
    next: str | None


class LicenceExplained(Licence):
    """A licence with the latest decisions on it and the latest events of its life."""

    decisions: DecisionPage
    history: History


class QuotaExplained(Quota):
    """A quota with the latest entries of its whole account and the latest events of its life."""

    ledger: EntryPage
    history: History


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, str]] = []
