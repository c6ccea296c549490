"""The shapes of subscriptions."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, model_validator

from services.alerts.api.endpoints import EndpointOut, PaceForm
from services.alerts.api.forms import FilterForm, Form, Name, Secret, Url
from services.alerts.api.timing_forms import DigestForm, QuietHoursForm
from services.alerts.domain.signing import Signature
from services.alerts.domain.wishes import Format, Ordering
from services.alerts.store.health import Shown
from services.alerts.store.subscriptions import Subscription


def _ahead(value: datetime) -> datetime:
    if value <= datetime.now(UTC):
        raise ValueError("must be in the future")
    return value.astimezone(UTC)


Expiry = Annotated[AwareDatetime, AfterValidator(_ahead)]


class SubscriptionForm(Form, PaceForm):
    """A new subscription."""

    name: Name
    url: Url | None
    """Where alerts are sent; null: nowhere, they are pulled or streamed."""
    filter: FilterForm = FilterForm()
    secret: Secret | None = None
    """`whsec_` and 24 to 64 bytes in base64; one is made when it is left out and needed."""
    signature: Signature = "hmac"
    """`hmac`: by the subscription's secret; `ed25519`: by the tenant's key, whose public part anybody may have."""
    format: Format = "cloudevents"
    """`slack` and `teams` are messages for people, for such a channel's incoming webhook."""
    ordering: Ordering = "lane"
    """`lane`: one alert of a lane waits until the one before it was accepted; `none`: none waits."""
    expires_at: Expiry | None = None
    """No alert that happens or is recorded from then on is for it."""
    digest: DigestForm | None = None
    quiet_hours: QuietHoursForm | None = None

    @model_validator(mode="after")
    def _needs_its_secret(self) -> Self:
        if self.secret is not None and self.signature == "ed25519":
            raise ValueError("a secret is given, which signatures by ed25519 have no use for")
        return self


class SubscriptionChange(Form, PaceForm):
    """What is to change of a subscription; what is left out stays."""

    name: Name = ""
    url: Url | None = None
    filter: FilterForm = FilterForm()
    format: Format = "cloudevents"
    ordering: Ordering = "lane"
    expires_at: Expiry | None = None
    digest: DigestForm | None = None
    quiet_hours: QuietHoursForm | None = None
    state: Literal["active", "paused"] = "active"

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names nothing that could be changed")
        return self

    def wanted(self) -> dict[str, Any]:
        """Return the fields that were sent, as a subscription has them."""
        made = {
            "filter": self.filter.filter(),
            "digest": self.digest and self.digest.digest(),
            "quiet_hours": self.quiet_hours and self.quiet_hours.quiet_hours(),
        }
        return {name: made.get(name, getattr(self, name)) for name in self.model_fields_set}


class SubscriptionOut(PaceForm):
    """A subscription; the secret is in the answer that created it and in no other."""

    subscription_id: UUID
    name: str
    url: str | None
    filter: FilterForm
    format: Format
    ordering: Ordering
    expires_at: datetime | None
    digest: DigestForm | None
    quiet_hours: QuietHoursForm | None
    state: Literal["active", "paused", "disabled", "expired"]
    """`disabled`: the endpoint answered 410, or took nothing for days. Alerts are kept for it, as for a paused one,
    until it is resumed.
    `expired`: no new alert is for it, until `expires_at` is put off; what was matched before is still sent."""
    state_reason: str | None
    verified_at: datetime | None
    """When the endpoint at `url` answered the handshake; null: it has not, or was not asked."""
    condition_failed_at: datetime | None
    """When the filter's condition last failed on an alert, which was sent all the same."""
    condition_failure: str | None
    version: int
    """Counts the changes; the `ETag`."""
    created_at: datetime
    signature: Signature = "hmac"
    secret: str | None = None
    endpoint: EndpointOut

    @classmethod
    def of(cls, subscription: Subscription, fares: Shown, secret: str | None = None) -> Self:
        """Return the answer for a subscription whose endpoint fares like that."""
        digest, quiet = subscription.digest, subscription.quiet_hours
        shown = (
            fares._asdict()
            | subscription._asdict()
            | {
                "filter": FilterForm.of(subscription.filter),
                "digest": digest and DigestForm.of(digest),
                "quiet_hours": quiet and QuietHoursForm.of(quiet),
                "secret": secret,
                "endpoint": EndpointOut.model_validate(fares._asdict()),
            }
        )
        return cls(**{name: value for name, value in shown.items() if name in cls.model_fields})
