"""The event contract: every message on Kafka and every webhook body, as typed data of CloudEvents 1.0.

What comes in (`trade.*`, `lanewatch.clock.*`) refuses unknown fields, so that a typing error is
reported and not swallowed; what goes out ignores them, so that readers outlive new fields.
A contract changes by adding optional fields; a breaking change is a new type.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.masses import Mass

# --- words that several events use ---------------------------------------------------------

Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
"""An identifier given by a party or an authority; no control characters."""
Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$(?!\n)")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
"""ISO 3166-1 alpha-2."""
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
"""ISO 4217."""
HsCode = Annotated[str, Meta(pattern=r"^[0-9]{2,12}$(?!\n)")]
"""Harmonized System code or national subdivision, digits only; a prefix where goods are selected."""
_SYMBOLS = (
    "H|He|Li|Be|B|C|N|O|F|Ne|Na|Mg|Al|Si|P|S|Cl|Ar|K|Ca|Sc|Ti|V|Cr|Mn|Fe|Co|Ni|Cu|Zn|Ga|Ge|As|Se|Br|"
    "Kr|Rb|Sr|Y|Zr|Nb|Mo|Tc|Ru|Rh|Pd|Ag|Cd|In|Sn|Sb|Te|I|Xe|Cs|Ba|La|Ce|Pr|Nd|Pm|Sm|Eu|Gd|Tb|Dy|Ho|"
    "Er|Tm|Yb|Lu|Hf|Ta|W|Re|Os|Ir|Pt|Au|Hg|Tl|Pb|Bi|Po|At|Rn|Fr|Ra|Ac|Th|Pa|U|Np|Pu|Am|Cm|Bk|Cf|Es|"
    "Fm|Md|No|Lr|Rf|Db|Sg|Bh|Hs|Mt|Ds|Rg|Cn|Nh|Fl|Mc|Lv|Ts|Og"
)
Element = Annotated[str, Meta(pattern=rf"^({_SYMBOLS})$(?!\n)")]
"""Chemical symbol, e.g. `Dy`; one that there is."""
Moment = Annotated[datetime, Meta(tz=True)]
"""A point in time with its UTC offset (RFC 3339)."""
Form = Literal["ore", "oxide", "metal", "alloy", "compound", "target", "magnet", "other"]
Severity = Literal["info", "notice", "warning", "critical"]
FlowState = Literal["flowing", "constrained", "restricted", "dormant"]
Outcome = Literal["permitted", "held", "denied"]

WORLD = "world"
"""The destination of the lane that sums a commodity group's lanes over all destinations."""
EVERYWHERE = "*"
"""In the scope of an alert: it concerns every destination."""


class _In(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what comes in."""

    TYPE: ClassVar[str]
    ENTITY: ClassVar[str]
    """Which field names the thing whose life the event belongs to; it keys the Kafka record."""


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which goods are meant: those that satisfy every given list; an absent list does not restrict."""

    hs: tuple[HsCode, ...] = ()
    elements: tuple[Element, ...] = ()
    forms: tuple[Form, ...] = ()
    control_codes: tuple[Id, ...] = ()


class Destinations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to: all countries, or those included, less those excluded."""

    include: tuple[Country, ...] = ()
    exclude: tuple[Country, ...] = ()


class Commodity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goods are: HS code, the rare-earth elements they contain, form, control code."""

    hs: HsCode
    elements: tuple[Element, ...] = ()
    form: Form = "other"
    control_code: Id | None = None


# --- regimes ---------------------------------------------------------------------------------


class RegimeTerms(_In, frozen=True, kw_only=True):
    """A control programme: goods of `covers` from `origin` need a licence from `effective_from` on."""

    ENTITY = "regime_id"
    regime_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: Annotated[tuple[Selector, ...], Meta(min_length=1, max_length=200)]
    destinations: Destinations = Destinations()
    effective_from: Moment
    effective_until: Moment | None = None

    def __post_init__(self) -> None:
        """Raise ValueError when the regime would end before it begins."""
        if self.effective_until is not None and self.effective_until <= self.effective_from:
            raise ValueError("effective_until must be later than effective_from")


class RegimeAnnounced(RegimeTerms, frozen=True, kw_only=True):
    """A regime was announced."""

    TYPE = "trade.regime.announced"


class RegimeAmended(RegimeTerms, frozen=True, kw_only=True):
    """A regime's terms were replaced by these."""

    TYPE = "trade.regime.amended"


class RegimeSuspended(_In, frozen=True, kw_only=True):
    """A regime does not apply from `suspended_from` until `suspended_until` (exclusive; open if absent)."""

    TYPE = "trade.regime.suspended"
    ENTITY = "regime_id"
    regime_id: Id
    suspended_from: Moment
    suspended_until: Moment | None = None
    reason: Text = ""

    def __post_init__(self) -> None:
        """Raise ValueError when the suspension would end before it begins."""
        if self.suspended_until is not None and self.suspended_until <= self.suspended_from:
            raise ValueError("suspended_until must be later than suspended_from")


class RegimeReinstated(_In, frozen=True, kw_only=True):
    """A suspended regime applies again from the event's time on."""

    TYPE = "trade.regime.reinstated"
    ENTITY = "regime_id"
    regime_id: Id
    reason: Text = ""


class RegimeEnded(_In, frozen=True, kw_only=True):
    """A regime ended at the event's time."""

    TYPE = "trade.regime.ended"
    ENTITY = "regime_id"
    regime_id: Id
    reason: Text = ""


# --- quotas ----------------------------------------------------------------------------------


class QuotaOpened(_In, frozen=True, kw_only=True):
    """A quantity for goods and a period (`period_end` exclusive); it has what its tranches release."""

    TYPE = "trade.quota.opened"
    ENTITY = "quota_id"
    quota_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: Annotated[tuple[Selector, ...], Meta(min_length=1, max_length=200)]
    destinations: Destinations = Destinations()
    exporters: tuple[Id, ...] = ()
    end_uses: tuple[Id, ...] = ()
    period_start: Moment
    period_end: Moment
    initial: Mass | None = None
    """What is available at once, before any tranche."""

    def __post_init__(self) -> None:
        """Raise ValueError when the period would end before it begins."""
        if self.period_end <= self.period_start:
            raise ValueError("period_end must be later than period_start")


class QuotaTrancheReleased(_In, frozen=True, kw_only=True):
    """A further part of a quota became available at the event's time."""

    TYPE = "trade.quota.tranche_released"
    ENTITY = "quota_id"
    quota_id: Id
    tranche_id: Id
    amount: Mass


class QuotaClosed(_In, frozen=True, kw_only=True):
    """A quota takes no further draws from the event's time on."""

    TYPE = "trade.quota.closed"
    ENTITY = "quota_id"
    quota_id: Id
    reason: Text = ""


# --- licences --------------------------------------------------------------------------------


class LicenceBatchIssued(_In, frozen=True, kw_only=True):
    """An authority issued a batch of licences; the licences themselves follow as events."""

    TYPE = "trade.licence.batch_issued"
    ENTITY = "batch_id"
    batch_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: tuple[Selector, ...] = ()
    destinations: Destinations = Destinations()
    licence_count: Annotated[int, Meta(ge=0)] | None = None


class LicenceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Goods and how much of them a licence permits."""

    line_no: Annotated[int, Meta(ge=1, le=9999)]
    covers: Selector
    mass: Mass


class LicenceTerms(_In, frozen=True, kw_only=True):
    """A permission to one exporter; an empty list of consignees, end users or end uses does not restrict."""

    ENTITY = "licence_id"
    licence_id: Id
    kind: Literal["individual", "general"] = "individual"
    authority: Id
    batch_id: Id | None = None
    exporter: Id
    origin: Country
    destinations: Annotated[tuple[Country, ...], Meta(min_length=1, max_length=250)]
    consignees: tuple[Id, ...] = ()
    end_users: tuple[Id, ...] = ()
    end_uses: tuple[Id, ...] = ()
    valid_from: Moment
    valid_until: Moment
    """Exclusive."""
    lines: Annotated[tuple[LicenceLine, ...], Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """Raise ValueError when the validity is empty or a line number stands twice."""
        if self.valid_until <= self.valid_from:
            raise ValueError("valid_until must be later than valid_from")
        if len({line.line_no for line in self.lines}) < len(self.lines):
            raise ValueError("two lines have the same line_no")


class LicenceIssued(LicenceTerms, frozen=True, kw_only=True):
    """A licence was issued."""

    TYPE = "trade.licence.issued"


class LicenceAmended(LicenceTerms, frozen=True, kw_only=True):
    """A licence's terms were replaced by these; what was drawn stays drawn."""

    TYPE = "trade.licence.amended"


class LicenceSuspended(_In, frozen=True, kw_only=True):
    """A licence may not be drawn from the event's time on, until it is reinstated."""

    TYPE = "trade.licence.suspended"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


class LicenceReinstated(_In, frozen=True, kw_only=True):
    """A suspended licence may be drawn again from the event's time on."""

    TYPE = "trade.licence.reinstated"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


class LicenceRevoked(_In, frozen=True, kw_only=True):
    """A licence ended for good at the event's time."""

    TYPE = "trade.licence.revoked"
    ENTITY = "licence_id"
    licence_id: Id
    reason: Text = ""


# --- shipments -------------------------------------------------------------------------------


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount of money as a decimal with its currency."""

    amount: Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$(?!\n)")]
    currency: Currency


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One kind of goods in a shipment, with the licence that the exporter draws on, if any."""

    line_no: Annotated[int, Meta(ge=1, le=9999)]
    commodity: Commodity
    net_mass: Mass
    value: Money | None = None
    licence_id: Id | None = None

    def __post_init__(self) -> None:
        """Raise ValueError when there is nothing on the line."""
        if not self.net_mass.value:
            raise ValueError("net_mass must be more than zero")


class ShipmentDeclared(_In, frozen=True, kw_only=True):
    """Goods were declared for export; this is what is decided."""

    TYPE = "trade.shipment.declared"
    ENTITY = "shipment_id"
    shipment_id: Id
    exporter: Id
    consignee: Id
    end_user: Id | None = None
    end_use: Id | None = None
    origin: Country
    destination: Country
    lines: Annotated[tuple[ShipmentLine, ...], Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """Raise ValueError when a line number stands twice."""
        if len({line.line_no for line in self.lines}) < len(self.lines):
            raise ValueError("two lines have the same line_no")


class ShipmentMilestone(_In, frozen=True, kw_only=True):
    """A step in a declared shipment's life."""

    ENTITY = "shipment_id"
    shipment_id: Id
    reason: Text = ""
    location: Id | None = None
    """UN/LOCODE or name of the place."""


class ShipmentCleared(ShipmentMilestone, frozen=True, kw_only=True):
    """Customs cleared the goods for export."""

    TYPE = "trade.shipment.cleared"


class ShipmentHeld(ShipmentMilestone, frozen=True, kw_only=True):
    """An authority stopped the shipment for examination."""

    TYPE = "trade.shipment.held"


class ShipmentReleased(ShipmentMilestone, frozen=True, kw_only=True):
    """The authority let a held shipment go on."""

    TYPE = "trade.shipment.released"


class ShipmentDeparted(ShipmentMilestone, frozen=True, kw_only=True):
    """The goods left the country of origin."""

    TYPE = "trade.shipment.departed"


class ShipmentArrived(ShipmentMilestone, frozen=True, kw_only=True):
    """The goods arrived in the country of destination."""

    TYPE = "trade.shipment.arrived"


class ShipmentDelivered(ShipmentMilestone, frozen=True, kw_only=True):
    """The consignee has the goods."""

    TYPE = "trade.shipment.delivered"


class ShipmentRejected(ShipmentMilestone, frozen=True, kw_only=True):
    """Customs refused the export."""

    TYPE = "trade.shipment.rejected"


class ShipmentCancelled(ShipmentMilestone, frozen=True, kw_only=True):
    """The exporter withdrew the declaration."""

    TYPE = "trade.shipment.cancelled"


# --- time ------------------------------------------------------------------------------------


class ClockTicked(_In, frozen=True, kw_only=True):
    """Time passed: everything due up to `now` happens. Published by the scheduler, or by who replays a log."""

    TYPE = "lanewatch.clock.ticked"
    ENTITY = "clock"
    clock: Literal["trade"] = "trade"
    now: Moment


TradeData = (
    RegimeAnnounced
    | RegimeAmended
    | RegimeSuspended
    | RegimeReinstated
    | RegimeEnded
    | QuotaOpened
    | QuotaTrancheReleased
    | QuotaClosed
    | LicenceBatchIssued
    | LicenceIssued
    | LicenceAmended
    | LicenceSuspended
    | LicenceReinstated
    | LicenceRevoked
    | ShipmentDeclared
    | ShipmentCleared
    | ShipmentHeld
    | ShipmentReleased
    | ShipmentDeparted
    | ShipmentArrived
    | ShipmentDelivered
    | ShipmentRejected
    | ShipmentCancelled
    | ClockTicked
)

# --- what goes out ---------------------------------------------------------------------------


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
    """A rule that spoke: its id, what it found in one sentence, and the figures in it."""

    rule: str
    says: str
    figures: dict[str, str] = {}


class _Out(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what goes out: every alert has a scope, a severity and one sentence for people."""

    TYPES: ClassVar[tuple[str, ...]]
    scope: Scope
    severity: Severity
    headline: str


class LaneChanged(_Out, frozen=True, kw_only=True):
    """A lane's flow state changed; `sequence` counts the lane's changes from 1 without a gap."""

    TYPES = ("lanewatch.lane.changed",)
    lane_id: str
    sequence: int
    previous: FlowState
    state: FlowState
    since: datetime
    reasons: tuple[Reason, ...]
    caused_by: str
    """Source and id of the event that brought it, joined by a blank."""


class ShipmentDecided(_Out, frozen=True, kw_only=True):
    """A shipment was decided: the strictest of what the rules said."""

    TYPES = ("lanewatch.decision.permitted", "lanewatch.decision.held", "lanewatch.decision.denied")
    decision_id: str
    shipment_id: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    net_mass_kg: str
    policy_version: str
    caused_by: str
    ledger_entries: tuple[str, ...] = ()
    """Account and number of each entry, joined by `#`."""


class LicenceChanged(_Out, frozen=True, kw_only=True):
    """A licence's state changed, or a batch was issued."""

    TYPES = (
        "lanewatch.licence.batch_issued",
        "lanewatch.licence.issued",
        "lanewatch.licence.amended",
        "lanewatch.licence.suspended",
        "lanewatch.licence.reinstated",
        "lanewatch.licence.revoked",
        "lanewatch.licence.expired",
        "lanewatch.licence.exhausted",
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
        "lanewatch.quota.closed",
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


AlertData = LaneChanged | ShipmentDecided | LicenceChanged | QuotaChanged | RegimeChanged | TestPing

TRADE_TYPES: dict[str, type[TradeData]] = {cls.TYPE: cls for cls in TradeData.__args__}
ALERT_TYPES: dict[str, type[AlertData]] = {name: cls for cls in AlertData.__args__ for name in cls.TYPES}
