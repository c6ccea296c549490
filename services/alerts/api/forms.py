"""The shapes of requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.alerts.domain.conditions import compiled, told
from services.alerts.domain.filters import KNOWN_PATTERNS, MAX_KEYS, Filter, key_count
from services.alerts.domain.signing import key_of
from services.alerts.domain.urls import read_url
from shared.cel.faults import RuleFault
from shared.events import Severity


def _url(value: str) -> str:
    return read_url(value).url


def _secret(value: str) -> str:
    key_of(value)
    return value


def _kind(value: str) -> str:
    if value not in KNOWN_PATTERNS:
        raise ValueError("must be an alert's type or a prefix such as lanewatch.lane.*")
    return value


def _condition(value: str) -> str:
    try:
        compiled(value)
    except RuleFault as fault:
        raise ValueError(told(fault)) from fault
    return value


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f*+]+$")]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Destination = Annotated[str, Field(pattern="^([A-Z]{2}|world)$")]
Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
Secret = Annotated[str, Field(max_length=128), AfterValidator(_secret)]
Kind = Annotated[str, Field(max_length=128), AfterValidator(_kind)]
Condition = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$"), AfterValidator(_condition)]
Many = Field(default=(), max_length=200)
DeliveryState = Literal[
    "due", "waiting", "queued", "resting", "gathered", "kept", "digested", "delivered", "exhausted", "cancelled"
]


class Form(BaseModel):
    """What is sent; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FilterForm(Form):
    """Which alerts are wanted; a field that is left out does not restrict."""

    commodity_groups: tuple[Word, ...] = Many
    origins: tuple[Country, ...] = Many
    destinations: tuple[Destination, ...] = Many
    """Countries; `world` is the lane that sums all destinations, which no country's filter includes."""
    exporters: tuple[Word, ...] = Many
    """An alert that names no exporter concerns all of them."""
    kinds: tuple[Kind, ...] = Many
    """Types or prefixes such as `lanewatch.lane.*`; left out: all but `lanewatch.decision.permitted`."""
    min_severity: Severity = "info"
    condition: Condition | None = None
    """In CEL, over the alert, e.g. `alert.previous == 'flowing'`; one that fails on an alert lets it through."""

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if key_count(self.filter()) > MAX_KEYS:
            raise ValueError(f"groups, origins and destinations make more than {MAX_KEYS} combinations")
        return self

    def filter(self) -> Filter:
        """Return the filter that the form describes."""
        return Filter(**self.model_dump())

    @classmethod
    def of(cls, wanted: Filter) -> Self:
        """Return the form of a filter as it was taken; it is not checked again."""
        return cls.model_construct(**vars(wanted))


class Attempt(BaseModel):
    """One try."""

    number: int
    started_at: datetime
    duration_ms: float
    status: int | None
    error: str | None
    response_excerpt: str | None


class Delivery(BaseModel):
    """One alert to one subscription; `delivery_id` is the `webhook-id` of every attempt."""

    delivery_id: UUID
    subscription_id: UUID
    alert_no: int
    alert_source: str
    alert_id: str
    kind: str
    lane: str | None
    sequence: int | None
    """Its number among the subscription's alerts, from 1 without a gap; null for a digest, which carries several."""
    state: DeliveryState
    note: str | None
    """What is to be said of it, e.g. that the filter's condition failed and it was sent all the same."""
    digest_delivery_id: UUID | None
    """The digest that it was told in."""
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    settled_at: datetime | None


class DeliveryWithLog(Delivery):
    """A delivery with its attempts."""

    log: list[Attempt]


class Alert(BaseModel):
    """An alert as it was recorded; `event` is the body that is delivered."""

    alert_no: int
    recorded_at: datetime
    lane: str | None
    event: dict[str, Any]


class Lane(BaseModel):
    """A lane's state after its last change."""

    lane_id: str
    commodity_group: str
    origin: str
    destination: str
    exporter: str | None
    state: str
    previous: str
    since: datetime
    sequence: int
    severity: str
    headline: str
    reasons: list[dict[str, Any]]
    alert_no: int
