"""The shapes of digests and quiet hours."""

from datetime import time
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.alerts.domain.timing import DAYS, Day, Digest, QuietHours, leaves_time
from shared.events import Severity

MOST_MINUTES = 24 * 60


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in _zones():
        raise ValueError("must be a time zone of the tz database, such as Europe/Berlin")
    return value


Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DigestForm(_Form):
    """Gathers alerts into one message: every so many minutes, or daily at a time."""

    every_minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)] | None = None
    """Counted from midnight UTC."""
    daily_at: Clock | None = None
    time_zone: Zone = "UTC"
    at_once_from: Severity = "critical"
    """Alerts of this severity or above are not gathered."""

    @model_validator(mode="after")
    def _says_how_often(self) -> Self:
        if (self.every_minutes is None) == (self.daily_at is None):
            raise ValueError("either every_minutes or daily_at must be given")
        return self

    def digest(self) -> Digest:
        """Return what the form describes."""
        at = None if self.daily_at is None else time.fromisoformat(self.daily_at)
        return Digest(self.every_minutes, at, self.time_zone, self.at_once_from)

    @classmethod
    def of(cls, digest: Digest) -> Self:
        """Return the form of a digest."""
        return cls(
            every_minutes=digest.every_minutes,
            daily_at=None if digest.daily_at is None else f"{digest.daily_at:%H:%M}",
            time_zone=digest.time_zone,
            at_once_from=digest.at_once_from,
        )


class QuietHoursForm(_Form):
    """When nothing new is sent; what is matched meanwhile is sent in order when they end.

    What was sent before and is tried again is not held back, nor what somebody asks for: retries, recoveries, tests.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = DAYS
    """On which they begin."""
    start: Clock = Field(alias="from")
    until: Clock
    """On the next day where it is not later than `from`."""
    time_zone: Zone
    breaks_through: Severity | None = "critical"
    """Alerts of this severity or above are sent all the same; null: none."""
    as_digest: bool = False
    """Whether what has waited comes as one digest."""

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if not leaves_time(self.quiet_hours()):
            raise ValueError("no time is left in which anything could be sent")
        return self

    def quiet_hours(self) -> QuietHours:
        """Return what the form describes."""
        return QuietHours(
            time.fromisoformat(self.start),
            time.fromisoformat(self.until),
            self.time_zone,
            tuple(day for day in DAYS if day in self.days),
            self.breaks_through,
            self.as_digest,
        )

    @classmethod
    def of(cls, quiet: QuietHours) -> Self:
        """Return the form of quiet hours."""
        shown = {
            "days": quiet.days,
            "from": f"{quiet.start:%H:%M}",
            "until": f"{quiet.until:%H:%M}",
            "time_zone": quiet.time_zone,
            "breaks_through": quiet.breaks_through,
            "as_digest": quiet.as_digest,
        }
        return cls.model_validate(shown)
