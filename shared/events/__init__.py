"""The event contract: every message on Kafka and every webhook body, as typed data of CloudEvents 1.0.

What comes in (`trade.*`, `lanewatch.clock.*`) refuses unknown fields, so that a typing error is
reported and not swallowed; what goes out ignores them, so that readers outlive new fields.
A contract changes by adding optional fields; a breaking change is a new type.
"""

from typing import Any

from shared.events.alerts import (
    AlertData,
    AlertsGathered,
    Alternative,
    Effect,
    EndpointNoticed,
    FindingRaised,
    Gathered,
    LaneChanged,
    LicenceChanged,
    PipelineNoticed,
    PipelinePulse,
    PriceNoticed,
    QuotaChanged,
    Reason,
    RegimeChanged,
    Scope,
    ShipmentDecided,
    SourceNoticed,
    StockpilingNoticed,
    TestPing,
)
from shared.events.corrections import ClockTicked, EventRetracted
from shared.events.licences import (
    LicenceAmended,
    LicenceApplied,
    LicenceBatchIssued,
    LicenceIssued,
    LicenceLine,
    LicenceReinstated,
    LicenceRevoked,
    LicenceSurrendered,
    LicenceSuspended,
    LicenceTerms,
    LicenceUseBroughtForward,
)
from shared.events.policies import PolicyRolledOut, Rule, Rulebook, RuleEffect
from shared.events.prices import PriceObserved
from shared.events.quotas import (
    Allocation,
    QuotaAllocated,
    QuotaBlocked,
    QuotaClosed,
    QuotaOpened,
    QuotaReopened,
    QuotaReturned,
    QuotaSuspended,
    QuotaTrancheReleased,
    ReservedShare,
    SubAmount,
    SubLimit,
    Tranche,
)
from shared.events.regimes import (
    MaxValidity,
    Phase,
    RegimeAmended,
    RegimeAnnounced,
    RegimeEnded,
    RegimeReinstated,
    RegimeSuspended,
    RegimeTerms,
    Requirement,
)
from shared.events.shipments import (
    Declaration,
    Evidence,
    ReviewOverridden,
    ReviewRejected,
    ReviewReleased,
    ShipmentArrived,
    ShipmentCancelled,
    ShipmentCleared,
    ShipmentCorrected,
    ShipmentDeclared,
    ShipmentDelivered,
    ShipmentDeparted,
    ShipmentHeld,
    ShipmentLine,
    ShipmentMilestone,
    ShipmentRejected,
    ShipmentReleased,
)
from shared.events.words import (
    EVERYWHERE,
    LATEST_YEAR,
    MAX_CONTENT_DIGITS,
    WORLD,
    Commodity,
    Content,
    Country,
    Currency,
    Destinations,
    Element,
    EventId,
    EventSource,
    FlowState,
    Form,
    HsCode,
    Id,
    LicenceKind,
    Measure,
    Moment,
    Money,
    Outcome,
    Selector,
    Severity,
    Text,
    Tolerance,
    WholePercent,
)

__all__ = [
    "ALERT_TYPES",
    "EVERYWHERE",
    "FOR_EVERYONE",
    "LATEST_YEAR",
    "MAX_CONTENT_DIGITS",
    "OUT_TYPES",
    "TRADE_TYPES",
    "WORLD",
    "AlertData",
    "AlertsGathered",
    "Allocation",
    "Alternative",
    "ClockTicked",
    "Commodity",
    "Content",
    "Country",
    "Currency",
    "Declaration",
    "Destinations",
    "Effect",
    "Element",
    "EndpointNoticed",
    "EventId",
    "EventRetracted",
    "EventSource",
    "Evidence",
    "FindingRaised",
    "FlowState",
    "Form",
    "Gathered",
    "HsCode",
    "Id",
    "LaneChanged",
    "LicenceAmended",
    "LicenceApplied",
    "LicenceBatchIssued",
    "LicenceChanged",
    "LicenceIssued",
    "LicenceKind",
    "LicenceLine",
    "LicenceReinstated",
    "LicenceRevoked",
    "LicenceSurrendered",
    "LicenceSuspended",
    "LicenceTerms",
    "LicenceUseBroughtForward",
    "MaxValidity",
    "Measure",
    "Moment",
    "Money",
    "Outcome",
    "Phase",
    "PipelineNoticed",
    "PipelinePulse",
    "PolicyRolledOut",
    "PriceNoticed",
    "PriceObserved",
    "QuotaAllocated",
    "QuotaBlocked",
    "QuotaChanged",
    "QuotaClosed",
    "QuotaOpened",
    "QuotaReopened",
    "QuotaReturned",
    "QuotaSuspended",
    "QuotaTrancheReleased",
    "Reason",
    "RegimeAmended",
    "RegimeAnnounced",
    "RegimeChanged",
    "RegimeEnded",
    "RegimeReinstated",
    "RegimeSuspended",
    "RegimeTerms",
    "Requirement",
    "ReservedShare",
    "ReviewOverridden",
    "ReviewRejected",
    "ReviewReleased",
    "Rule",
    "RuleEffect",
    "Rulebook",
    "Scope",
    "Selector",
    "Severity",
    "ShipmentArrived",
    "ShipmentCancelled",
    "ShipmentCleared",
    "ShipmentCorrected",
    "ShipmentDecided",
    "ShipmentDeclared",
    "ShipmentDelivered",
    "ShipmentDeparted",
    "ShipmentHeld",
    "ShipmentLine",
    "ShipmentMilestone",
    "ShipmentRejected",
    "ShipmentReleased",
    "SourceNoticed",
    "StockpilingNoticed",
    "SubAmount",
    "SubLimit",
    "TestPing",
    "Text",
    "Tolerance",
    "TradeData",
    "Tranche",
    "WholePercent",
]

TradeData = (
    RegimeAnnounced
    | RegimeAmended
    | RegimeSuspended
    | RegimeReinstated
    | RegimeEnded
    | QuotaOpened
    | QuotaTrancheReleased
    | QuotaAllocated
    | QuotaReturned
    | QuotaBlocked
    | QuotaSuspended
    | QuotaReopened
    | QuotaClosed
    | LicenceBatchIssued
    | LicenceApplied
    | LicenceIssued
    | LicenceAmended
    | LicenceUseBroughtForward
    | LicenceSurrendered
    | LicenceSuspended
    | LicenceReinstated
    | LicenceRevoked
    | ShipmentDeclared
    | ShipmentCorrected
    | ShipmentCleared
    | ShipmentHeld
    | ShipmentReleased
    | ShipmentDeparted
    | ShipmentArrived
    | ShipmentDelivered
    | ShipmentRejected
    | ShipmentCancelled
    | ReviewReleased
    | ReviewRejected
    | ReviewOverridden
    | EventRetracted
    | PolicyRolledOut
    | PriceObserved
    | ClockTicked
)

TRADE_TYPES: dict[str, type[TradeData]] = {cls.TYPE: cls for cls in TradeData.__args__}
ALERT_TYPES: dict[str, type[AlertData]] = {name: cls for cls in AlertData.__args__ for name in cls.TYPES}
OUT_TYPES: dict[str, Any] = {**ALERT_TYPES, **dict.fromkeys(PipelinePulse.TYPES, PipelinePulse)}
"""All that licensing publishes: alerts, and the pulse by which alerts knows that it does."""
FOR_EVERYONE = frozenset(PipelineNoticed.TYPES)
"""Alerts that concern every subscription, whatever goods and lanes its filter names."""
