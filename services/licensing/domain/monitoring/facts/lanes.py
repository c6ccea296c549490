"""The facts of the lanes that a line's goods move on."""

from datetime import UTC, datetime

from services.licensing.domain.lanes import Lane
from shared.cel.kinds import fact


class LaneFacts:
    """A lane that the line's goods move on: commodity group, origin and destination."""

    NAME = "lane"

    def __init__(self, lane: Lane, at: datetime) -> None:
        self._lane, self._at = lane, at

    @fact()
    def id(self) -> str:
        """Commodity group, origin and destination joined by colons."""
        return self._lane.lane_id

    @fact()
    def group(self) -> str:
        """The commodity group."""
        return self._lane.commodity_group

    @fact()
    def state(self) -> str:
        """`flowing`, `constrained`, `restricted` or `dormant`."""
        return self._lane.state

    @fact()
    def gate(self) -> str:
        """Whether the law lets goods pass: `open`, `critical` (nearly used) or `shut`."""
        return self._lane.stats.gate

    @fact()
    def flow(self) -> str:
        """What is seen to clear: `none`, `starting`, `normal`, `low` or `stopped`."""
        return self._lane.stats.flow

    @fact()
    def idle_days(self) -> int | None:
        """Days since the lane last cleared goods or was opened; absent where neither ever happened."""
        last = self._lane.stats.last_active_day
        return None if last is None else max(0, self._at.astimezone(UTC).toordinal() - last)
