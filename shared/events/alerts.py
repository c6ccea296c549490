"""What goes out: every alert has a scope, a severity and one sentence for people."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from shared.events.policies import RuleEffect
from shared.events.words import FlowState, Outcome, Severity

Effect = Literal["passed", "held", "refused"]


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom an alert concerns; subscriptions are matched against this.

    `destinations` holds countries, `world` for a lane over all destinations, or `*` where every
    destination is concerned.
    """

    commodity_groups: tuple[str, ...]
    origin: str
    destinations: tuple[str, ...]
    exporter: str | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule that spoke: its id, what it found in one sentence, the figures in it, and what would make it pass."""

    rule: str
    says: str
    figures: dict[str, str] = {}
    """Amounts as people read them; `position` is the account that was looked at and its latest entry then."""
    remedy: str = ""
    effect: Effect | UnsetType = UNSET
    """Whether the rule lets a shipment pass; absent where it is not about one."""


class _Out(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what goes out: every alert has a scope, a severity and one sentence for people."""

    TYPES: ClassVar[tuple[str, ...]]
    scope: Scope
    severity: Severity
    headline: str


class Alternative(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lane of the same commodity group, from another origin or of another exporter, on which goods flow."""

    lane_id: str
    origin: str
    destination: str
    exporter: str | None = None
    since: datetime
    left_kg: str | None = None
    """What the licences that open it have left; absent where none is asked for, or one has no limit of mass."""


class LaneChanged(_Out, frozen=True, kw_only=True):
    """A lane's flow state changed; `sequence` counts the lane's changes from 1 without a gap.

    `exporter_changed` tells of one exporter's part of a lane, which the scope names.
    """

    TYPES = ("lanewatch.lane.changed", "lanewatch.lane.exporter_changed")
    lane_id: str
    sequence: int
    previous: FlowState
    state: FlowState
    since: datetime
    reasons: tuple[Reason, ...]
    caused_by: str
    """Source and id of the event that brought it, joined by a blank."""
    supersedes: str | None = None
    """The alert that no longer stands: what brought it was taken back, or this came late and tells of before."""
    alternatives: tuple[Alternative, ...] = ()
    """Where the lane does not flow: which others do, those with most left first."""


class ShipmentDecided(_Out, frozen=True, kw_only=True):
    """A shipment was decided: the strictest of what the rules said; or its declaration was taken back."""

    TYPES = (
        "lanewatch.decision.permitted",
        "lanewatch.decision.held",
        "lanewatch.decision.denied",
        "lanewatch.decision.withdrawn",
    )
    decision_id: str
    shipment_id: str
    outcome: Outcome | Literal["withdrawn"]
    reasons: tuple[Reason, ...]
    net_mass_kg: str
    policy_version: str
    caused_by: str
    ledger_entries: tuple[str, ...] = ()
    """Account and number of each entry, joined by `#`."""
    supersedes: str | None = None
    """The decision that no longer stands."""
    rulebook: str | None = None
    """The version of the monitoring rules that were asked; absent where none were."""


class FindingRaised(_Out, frozen=True, kw_only=True):
    """A monitoring rule spoke of a shipment."""

    TYPES = ("lanewatch.finding.raised",)
    rule: str
    effect: RuleEffect
    rulebook: str
    """The version of the monitoring rules."""
    shipment_id: str
    decision_id: str
    caused_by: str
    lines: tuple[int, ...] = ()
    """The lines that it spoke of; empty for the shipment as a whole."""
    remedy: str = ""


class SourceNoticed(_Out, frozen=True, kw_only=True):
    """A source of events went silent, or is heard again: what is said of its lanes may be out of date meanwhile."""

    TYPES = ("lanewatch.finding.source_silent", "lanewatch.finding.source_resumed")
    source: str
    last_event_at: datetime
    """To the hour."""
    longest_gap_hours: int
    """The longest silence of the weeks before that was nothing out of the usual."""
    caused_by: str


class StockpilingNoticed(_Out, frozen=True, kw_only=True):
    """More than is usual clears in a lane before an announced regime begins."""

    TYPES = ("lanewatch.finding.stockpiling",)
    lane_id: str
    regime_id: str
    effective_from: datetime
    shipments: int
    percent_of_usual: int
    days: int
    caused_by: str


class PriceNoticed(_Out, frozen=True, kw_only=True):
    """A price began to swing far more than it usually does, or is calm again."""

    TYPES = ("lanewatch.finding.price_stressed", "lanewatch.finding.price_calm")
    price_id: str
    price: str
    """The latest, as a decimal."""
    currency: str
    per: str
    volatility_percent: str
    """A year, as of now."""
    usual_percent: str
    """A year, as it usually is."""
    caused_by: str


class PipelineNoticed(_Out, frozen=True, kw_only=True):
    """Nothing came through from ingest to alerts for too long, or it does again: alerts notices this by itself.

    It concerns every subscription: what is said of any lane may be out of date meanwhile.
    """

    TYPES = ("lanewatch.pipeline.stuck", "lanewatch.pipeline.resumed")
    last_pulse: datetime
    """The clock's latest tick that came through."""


class EndpointNoticed(_Out, frozen=True, kw_only=True):
    """An endpoint of the tenant's own takes nothing, was disabled for it, or takes alerts again.

    It goes to the tenant's other subscriptions that ask for this kind, never to the one that it is about.
    """

    TYPES = ("lanewatch.endpoint.failing", "lanewatch.endpoint.recovered", "lanewatch.endpoint.disabled")
    subscription_id: str
    name: str
    """The subscription's."""
    since: datetime
    """When the first try failed of those in a row that came to nothing."""
    waiting: int
    """Alerts that wait for it."""
    last_error: str | None = None


class PipelinePulse(msgspec.Struct, frozen=True, kw_only=True):
    """A tick of the clock was taken in and worked out, and all that followed from it is published. No alert."""

    TYPES: ClassVar[tuple[str, ...]] = ("lanewatch.pipeline.pulse",)
    clock: datetime


class LicenceChanged(_Out, frozen=True, kw_only=True):
    """A licence's state changed, or a batch was issued."""

    TYPES = (
        "lanewatch.licence.batch_issued",
        "lanewatch.licence.applied",
        "lanewatch.licence.issued",
        "lanewatch.licence.activated",
        "lanewatch.licence.amended",
        "lanewatch.licence.suspended",
        "lanewatch.licence.reinstated",
        "lanewatch.licence.revoked",
        "lanewatch.licence.expired",
        "lanewatch.licence.exhausted",
        "lanewatch.licence.replenished",
        "lanewatch.licence.surrendered",
        "lanewatch.licence.retracted",
    )
    licence_id: str
    caused_by: str
    left_kg: str | UnsetType = UNSET
    granted_kg: str | UnsetType = UNSET
    valid_until: datetime | UnsetType = UNSET


class QuotaChanged(_Out, frozen=True, kw_only=True):
    """A quota opened, got a tranche, became critical or exhausted, or closed."""

    TYPES = (
        "lanewatch.quota.opened",
        "lanewatch.quota.tranche_released",
        "lanewatch.quota.critical",
        "lanewatch.quota.exhausted",
        "lanewatch.quota.allocated",
        "lanewatch.quota.returned",
        "lanewatch.quota.blocked",
        "lanewatch.quota.suspended",
        "lanewatch.quota.reopened",
        "lanewatch.quota.closed",
        "lanewatch.quota.retracted",
    )
    quota_id: str
    caused_by: str
    left_kg: str
    granted_kg: str


class RegimeChanged(_Out, frozen=True, kw_only=True):
    """A regime was announced, amended, suspended, reinstated or ended."""

    TYPES = (
        "lanewatch.regime.announced",
        "lanewatch.regime.amended",
        "lanewatch.regime.suspended",
        "lanewatch.regime.reinstated",
        "lanewatch.regime.ended",
        "lanewatch.regime.retracted",
    )
    regime_id: str
    caused_by: str
    effective_from: datetime | UnsetType = UNSET
    effective_until: datetime | UnsetType = UNSET


class TestPing(_Out, frozen=True, kw_only=True):
    """A test delivery that a subscriber asked for."""

    __test__ = False
    TYPES = ("lanewatch.test.ping",)
    subscription_id: str


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in a digest, as it would have come by itself."""

    sequence: int
    """Its number among the subscription's alerts."""
    webhook_id: str
    event: msgspec.Raw
    """A CloudEvent."""


class AlertsGathered(_Out, frozen=True, kw_only=True):
    """What was gathered for one subscription: its alerts in their order. It has no number of its own."""

    TYPES = ("lanewatch.digest",)
    subscription_id: str
    alerts: tuple[Gathered, ...]


AlertData = (
    LaneChanged
    | ShipmentDecided
    | FindingRaised
    | SourceNoticed
    | StockpilingNoticed
    | PriceNoticed
    | PipelineNoticed
    | EndpointNoticed
    | LicenceChanged
    | QuotaChanged
    | RegimeChanged
    | TestPing
    | AlertsGathered
)
