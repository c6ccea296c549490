"""What a lane is, what it remembers and what a change of its flow state tells. Per lane the memory is constant."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from services.licensing.domain.detection.surging import Surge
from services.licensing.domain.detection.watching import Watch
from services.licensing.domain.ledger import account_name, account_parts
from shared.events import WORLD, FlowState, Reason

GateLevel = Literal["open", "critical", "shut"]
Flow = Literal["none", "starting", "normal", "low", "stopped"]

LANES_KEPT = 10_000
"""So many tuples of ids are remembered; the same few lanes are named by shipment after shipment."""


class Gate(NamedTuple):
    """Whether the law lets goods pass, with the reasons."""

    level: GateLevel
    reasons: tuple[Reason, ...]


class Opening(msgspec.Struct, frozen=True):
    """What the licences that open a lane have: mass granted and left, lines, and lines without a limit of mass."""

    granted: int = 0
    left: int = 0
    lines: int = 0
    unlimited: int = 0

    def changed(self, before: "Opening", after: "Opening") -> "Opening":
        """Return the sums when a part of them is no longer `before` but `after`."""
        return Opening(
            self.granted + after.granted - before.granted,
            self.left + after.left - before.left,
            self.lines + after.lines - before.lines,
            self.unlimited + after.unlimited - before.unlimited,
        )


class BeforeShut(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane was when an event shut its gate, for the case that this is taken back."""

    shut_by: str
    state: FlowState
    flow: Flow
    watch: Watch
    flow_reasons: tuple[Reason, ...]
    confirmations: int
    confirmed_mg: int
    confirming_since: datetime | None


class LaneStats(msgspec.Struct, kw_only=True):
    """What a lane remembers. Days are proleptic ordinals in UTC; masses are milligrams."""

    opening: Opening = Opening()
    needs_licence: bool = False
    """As of the gate: some regime in force asks for a licence."""
    quota_level: GateLevel = "open"

    gate: GateLevel = "open"
    gate_reasons: tuple[Reason, ...] = ()
    gate_as_of: datetime | None = None
    before_shut: BeforeShut | None = None
    surge: Surge | None = None
    """While a date is awaited on which a regime begins."""
    flow: Flow = "none"
    is_refused: bool = False
    closed_through: int | None = None
    watch: Watch = msgspec.field(default_factory=Watch)
    flow_reasons: tuple[Reason, ...] = ()
    """Why the flow is low or stopped."""
    brought_by: str = ""
    """The event that brought the state."""
    cleared: dict[int, tuple[int, int]] = {}
    """Shipments and their mass by day, of the days that are not closed."""
    confirmations: int = 0
    confirmed_mg: int = 0
    confirming_since: datetime | None = None
    last_active_day: int | None = None
    decided: dict[int, tuple[int, int]] = {}
    """By day: decisions, and how many of them held or denied."""


@dataclass(slots=True)
class Lane:
    """A commodity group's way from an origin to a destination, or to the world."""

    commodity_group: str
    origin: str
    destination: str
    state: FlowState = "dormant"
    since: datetime | None = None
    sequence: int = 0
    reasons: tuple[Reason, ...] = ()
    stats: LaneStats = field(default_factory=LaneStats)
    exporter: str | None = None
    """None: the lane of all exporters."""
    lane_id: str = field(init=False)
    """Group, origin, destination and, if it is of one, exporter joined by colons."""

    def __post_init__(self) -> None:
        """Name the lane."""
        self.lane_id = lane_id(self.commodity_group, self.origin, self.destination, self.exporter)


@dataclass(frozen=True, slots=True)
class LaneChange:
    """One change of flow state with its evidence."""

    lane_id: str
    sequence: int
    previous: FlowState
    state: FlowState
    at: datetime
    reasons: tuple[Reason, ...]
    previous_since: datetime | None
    supersedes: str | None = None
    """The alert of the change before, where that no longer stands."""

    @property
    def alert_id(self) -> str:
        """The id of the alert that tells of it."""
        return alert_id(self.lane_id, self.sequence)


def alert_id(lane_id: str, sequence: int) -> str:
    """Return the id of the alert that tells of a lane's change."""
    return f"{lane_id}#{sequence}"


def lane_id(group: str, origin: str, destination: str, exporter: str | None = None) -> str:
    """Return the id of a lane, or of one exporter's part of it."""
    return account_name(group, origin, destination, *(() if exporter is None else (exporter,)))


def new_lane(lane_id: str) -> Lane:
    """Return the lane of an id, of which nothing is known yet."""
    group, origin, destination, *exporter = account_parts(lane_id)
    return Lane(group, origin, destination, exporter=exporter[0] if exporter else None)


def group_of(lane_id: str) -> str:
    """Return the commodity group of a lane's id."""
    return lane_id.split(":", 1)[0]


@lru_cache(LANES_KEPT)
def lane_ids(
    groups: tuple[str, ...],
    origin: str,
    destinations: tuple[str, ...],
    followed: tuple[str, ...] = (),
    exporter: str | None = None,
) -> tuple[str, ...]:
    """Return the ids of the groups' lanes to the destinations and to the world.

    Of the groups whose exporters are followed those of the exporter come after them.
    """
    ends = (*destinations, WORLD)
    every = tuple(lane_id(group, origin, d) for group in groups for d in ends)
    return every + tuple(lane_id(group, origin, d, exporter) for group in followed for d in ends)
