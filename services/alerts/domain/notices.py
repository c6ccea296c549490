"""What a tenant is told of an endpoint of its own: that it fails, was disabled, or works again. Once for each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from services.alerts.domain.breaker import Health, State
from shared.cloudevents import JSON, Event
from shared.events import EVERYWHERE, EndpointNoticed, Scope, Severity

Step = Literal["failing", "recovered", "disabled"]
SOURCE = "/lanewatch/alerts"
_SEVERITIES: dict[Step, Severity] = {"failing": "warning", "recovered": "notice", "disabled": "critical"}


@dataclass(frozen=True)
class Notice:
    """Something to be told."""

    step: Step
    since: datetime
    last_error: str | None

    @property
    def told(self) -> str | None:
        """What stands as told from then on."""
        return None if self.step == "recovered" else self.step


def news(told: str | None, old: Health, new: Health, now: datetime) -> Notice | None:
    """Return what is to be told after a change of an endpoint's health, given what was told last."""
    since = new.failing_since or old.failing_since or now
    if new.given_up is not None:
        return Notice("disabled", since, new.last_error) if told != "disabled" else None
    if new.state is State.OPEN and told is None:
        return Notice("failing", since, new.last_error)
    if new.state is State.CLOSED and new.failing_since is None and told is not None:
        return Notice("recovered", old.failing_since or now, old.last_error)
    return None


@dataclass(frozen=True)
class About:
    """The subscription that a notice is about, and how many of its alerts wait."""

    subscription_id: UUID
    name: str
    waiting: int


def alert_of(notice: Notice, number: int, about: About, happened_at: datetime) -> Event[EndpointNoticed]:
    """Return the alert that tells a notice; `number` tells it from all others."""
    lane = lane_of(about.subscription_id)
    return Event(
        specversion="1.0",
        id=f"endpoint-{about.subscription_id}-{number}",
        source=SOURCE,
        type=f"lanewatch.endpoint.{notice.step}",
        time=happened_at,
        partitionkey=lane,
        datacontenttype=JSON,
        data=EndpointNoticed(
            scope=Scope(commodity_groups=(), origin=EVERYWHERE, destinations=(EVERYWHERE,)),
            severity=_SEVERITIES[notice.step],
            headline=_headline(notice, about),
            subscription_id=str(about.subscription_id),
            name=about.name,
            since=notice.since,
            waiting=about.waiting,
            last_error=notice.last_error,
        ),
    )


def lane_of(subscription_id: UUID) -> str:
    """Return the lane in which notices of an endpoint keep their order."""
    return f"endpoint/{subscription_id}"


def _headline(notice: Notice, about: About) -> str:
    since = f"{notice.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    wait = f"{about.waiting} alert{' waits' if about.waiting == 1 else 's wait'} for it"
    match notice.step:
        case "failing":
            return f"The endpoint of “{about.name}” takes nothing since {since} ({notice.last_error}); {wait}"
        case "disabled":
            return f"“{about.name}” was disabled: its endpoint took nothing since {since} ({notice.last_error}); {wait}"
        case "recovered":
            return f"The endpoint of “{about.name}” takes alerts again; it had failed since {since}; {wait}"
