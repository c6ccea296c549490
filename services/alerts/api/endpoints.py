"""How an endpoint fares and how fast it may be sent to, as the API tells and takes it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.alerts.domain.pace import Pace

PerSecond = Annotated[float, Field(ge=0.001, le=10_000, allow_inf_nan=False)]
InFlight = Annotated[int, Field(ge=1, le=64)]


class PaceForm(BaseModel):
    """How fast an endpoint may be sent to; null is no bound of its own."""

    max_per_second: PerSecond | None = None
    """Requests that begin in any second, all processes together: they are spread evenly."""
    max_in_flight: InFlight | None = None
    """Requests under way at the same time; 8 when it is left out."""

    def pace(self) -> Pace:
        """Return the pace that the form describes."""
        return Pace(self.max_per_second, self.max_in_flight)


class EndpointOut(BaseModel):
    """How the endpoint fares."""

    state: Literal["closed", "open", "half_open"]
    """Of its circuit breaker. `closed`: it gets what is due; `open`: it failed too often and is left alone until
    `next_try_at`; `half_open`: it gets one alert at a time until it takes one."""
    failing_since: datetime | None
    """The first of the tries in a row that came to nothing."""
    tries_since: int
    next_try_at: datetime | None
    last_error: str | None
    """Of the latest try, if that came to nothing."""
    last_accepted_at: datetime | None
    open_deliveries: int
    """Alerts that are still to be delivered."""
