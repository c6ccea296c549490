"""The shapes of requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.alerts.api.endpoints import EndpointOut, PaceForm
from services.alerts.domain.filters import KNOWN_PATTERNS, MAX_KEYS, Filter, key_count
from services.alerts.domain.signing import Signature, key_of
from services.alerts.domain.urls import read_url
from services.alerts.store.health import Shown
from services.alerts.store.subscriptions import Subscription
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


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Word = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f*+]+$")]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Destination = Annotated[str, Field(pattern="^([A-Z]{2}|world)$")]
Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
Secret = Annotated[str, Field(max_length=128), AfterValidator(_secret)]
Kind = Annotated[str, Field(max_length=128), AfterValidator(_kind)]
Many = Field(default=(), max_length=200)


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

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if key_count(self.filter()) > MAX_KEYS:
            raise ValueError(f"groups, origins and destinations make more than {MAX_KEYS} combinations")
        return self

    def filter(self) -> Filter:
        """Return the filter that the form describes."""
        return Filter(**self.model_dump())


class SubscriptionForm(Form, PaceForm):
    """A new subscription."""

    name: Name
    url: Url
    filter: FilterForm = FilterForm()
    secret: Secret | None = None
    """`whsec_` and 24 to 64 bytes in base64; one is made when it is left out and needed."""
    signature: Signature = "hmac"
    """`hmac`: by the subscription's secret; `ed25519`: by the tenant's key, whose public part anybody may have."""

    @model_validator(mode="after")
    def _needs_its_secret(self) -> Self:
        if self.secret is not None and self.signature == "ed25519":
            raise ValueError("a secret is given, which signatures by ed25519 have no use for")
        return self


class SubscriptionChange(Form, PaceForm):
    """What may be changed of a subscription; what is left out stays as it is."""

    state: Literal["active", "paused"] | None = None


class SubscriptionOut(PaceForm):
    """A subscription; the secret is in the answer that created it and in no other."""

    subscription_id: UUID
    name: str
    url: str
    filter: FilterForm
    state: Literal["active", "paused", "disabled"]
    """`disabled`: the endpoint answered 410, or took nothing for days. Alerts are kept for it, as for a paused one,
    until it is resumed."""
    state_reason: str | None
    created_at: datetime
    signature: Signature = "hmac"
    secret: str | None = None
    endpoint: EndpointOut

    @classmethod
    def of(cls, subscription: Subscription, fares: Shown, secret: str | None = None) -> Self:
        """Return the answer for a subscription whose endpoint fares like that."""
        shown = subscription._asdict() | fares._asdict() | {"filter": vars(subscription.filter), "secret": secret}
        shown["state"], shown["endpoint"] = subscription.state, fares._asdict()
        return cls.model_validate({name: value for name, value in shown.items() if name in cls.model_fields})


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
    state: Literal["due", "waiting", "queued", "delivered", "exhausted", "cancelled"]
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    settled_at: datetime | None


class DeliveryWithLog(Delivery):
    """A delivery with its attempts."""

    log: list[Attempt]


class PingOut(BaseModel):
    """Where to see what became of a test ping."""

    delivery_id: UUID


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
