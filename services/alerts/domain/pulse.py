"""Whether anything comes through: ticks of the clock travel the whole way and arrive as pulses."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from shared.cloudevents import JSON, Event
from shared.events import EVERYWHERE, PipelineNoticed, Scope

Step = Literal["stuck", "resumed"]
SOURCE = "/lanewatch/alerts"


class Pulse(NamedTuple):
    """The latest tick that came through, and whether it was told that nothing does."""

    clock: datetime
    is_stuck: bool


def judge(pulse: Pulse, now: datetime, started_at: datetime, stuck_after: timedelta) -> Step | None:
    """Return what is to be told now, if anything.

    A process that has just started waits as long again: what was down over night is not stuck in the morning.
    """
    is_late = now - pulse.clock > stuck_after
    if pulse.is_stuck:
        return None if is_late else "resumed"
    return "stuck" if is_late and now - started_at > stuck_after else None


def notice(step: Step, clock: datetime, now: datetime) -> Event[PipelineNoticed]:
    """Return the alert; its id follows from the pulse, so that it is one however many processes notice."""
    since = f"{clock.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if step == "stuck":
        says = f"Lanewatch is stuck: nothing came through since {since}; what it says of lanes may be out of date"
    else:
        says = f"Lanewatch works again: what it says of lanes is as of {since}"
    return Event(
        specversion="1.0",
        id=f"{step}-{clock.astimezone(UTC).isoformat()}",
        source=SOURCE,
        type=f"lanewatch.pipeline.{step}",
        time=now,
        partitionkey="pipeline",
        datacontenttype=JSON,
        data=PipelineNoticed(
            scope=Scope(commodity_groups=(), origin=EVERYWHERE, destinations=(EVERYWHERE,)),
            severity="critical" if step == "stuck" else "notice",
            headline=says,
            last_pulse=clock,
        ),
    )
