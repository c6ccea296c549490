"""The alerts that are delivered: changes of many lanes, some 700 bytes each, whose ids say when they were made."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.cloudevents import alert, write
from shared.events import LaneChanged, Reason, Scope

LANES = 500
_AT = datetime(2025, 4, 4, 9, tzinfo=UTC)
_REASONS = (
    Reason(rule="regime", says="Announcement No. 18 requires a licence since 2025-04-04", figures={"left_kg": "0"}),
    Reason(rule="licences", says="There is no valid licence", figures={"licences": "0"}),
)


class Maker:
    """Makes alerts one by one, each the next change of its lane."""

    def __init__(self, groups: Sequence[str] = ("magnets",), lanes: int = LANES) -> None:
        self._templates = [_template(groups[n % len(groups)], n) for n in range(lanes)]
        self._made = 0

    def make(self) -> bytes:
        """Return the next alert; its id holds the time of day in nanoseconds."""
        template = self._templates[self._made % len(self._templates)]
        self._made += 1
        sequence = self._made // len(self._templates) + 1
        numbered = template.replace(b"424242", b"%d" % sequence)
        return numbered.replace(b"@id@", b"%d-%d" % (time.time_ns(), self._made))


def _template(group: str, number: int) -> bytes:
    lane = f"{group}-{number}/CN/DE"
    data = LaneChanged(
        scope=Scope(commodity_groups=(group,), origin="CN", destinations=("DE",)),
        severity="critical",
        headline=f"Magnets of kind {number} to Germany are restricted",
        lane_id=lane,
        sequence=424242,
        previous="flowing",
        state="restricted",
        since=_AT,
        reasons=_REASONS,
        caused_by="/customs/cn evt-1",
    )
    return write(alert("lanewatch.lane.changed", id="@id@", time=_AT, key=lane, data=data))
