"""The policy: commodity groups and the thresholds by which lanes and shipments are judged, as data."""

from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated

import msgspec
from msgspec import Meta

from services.licensing.domain.commodities import implies, matches, may_overlap
from services.licensing.domain.lanes import lane_ids
from shared.events import Commodity, Country, Element, Id, Selector, Text

MOST_KINDS_OF_GOODS = 10_000
"""So many kinds of goods are remembered with their groups."""
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=1, le=3660)]


class CommodityGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods whose lanes are watched together; groups may overlap."""

    id: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,63}$")]
    title: Text
    covers: Selector
    follows_exporters: bool = False
    """Each exporter's part of a lane has a flow state of its own as well."""


class Oxide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By which factor the mass of an element becomes that of the oxide by which it is counted."""

    element: Element
    oxide: Id
    factor: Decimal


class Conversions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The factors between metal and oxide, and where they come from."""

    source: Text
    oxides: tuple[Oxide, ...]

    def oxide_factor(self, element: str) -> Decimal:
        """Return metal to oxide by mass. Raises KeyError for an element that is not in the table."""
        for oxide in self.oxides:
            if oxide.element == element:
                return oxide.factor
        raise KeyError(element)


class Break(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A holiday of an origin, both days included."""

    origin: Country
    title: Text
    first: date
    last: date


class SourceSilence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a source that was heard of regularly counts as silent."""

    least_hours: Count
    """Never before so many hours."""
    of_longest_gap_percent: Count
    """And not before so many percent of the longest silence in the window."""
    window_days: Count
    known_days: Count
    """A source that is known for less is not watched."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One version of the policy. Masses are compared in whole milligrams, shares in whole percent."""

    version: Id
    commodity_groups: tuple[CommodityGroup, ...]
    conversions: Conversions
    critical_used_percent: Percent
    """A licence, a quota or a lane's licences together are nearly used from this share on."""
    confirm_clearances: Count
    """So many shipments must clear before a shut or silent lane counts as flowing."""
    breaks: tuple[Break, ...] = ()
    """Holidays in which the silence of a lane says nothing."""
    dormant_after_days: Count
    refused_percent: Percent
    """Of the decisions of `refused_window_days`: beyond it held and denied shipments restrict the lane."""
    refused_window_days: Count
    refused_min_decisions: Count
    parking_days: Count
    """An event waits so many days for what it refers to."""
    source_silence: SourceSilence | None = None
    """Absent: sources are not watched."""

    def group(self, group_id: str) -> CommodityGroup:
        """Return a group by its id. Raises KeyError when the policy has none such."""
        for group in self.commodity_groups:
            if group.id == group_id:
                return group
        raise KeyError(group_id)

    def groups_of(self, goods: Commodity) -> tuple[str, ...]:
        """Return the ids of the groups that the goods belong to, in the policy's order."""
        found = self._groups_by_goods.get(goods)
        if found is None:
            found = tuple(group.id for group in self.commodity_groups if matches(group.covers, goods))
            if len(self._groups_by_goods) < MOST_KINDS_OF_GOODS:
                self._groups_by_goods[goods] = found
        return found

    def lane_ids(
        self, groups: tuple[str, ...], origin: str, destinations: tuple[str, ...], exporter: str
    ) -> tuple[str, ...]:
        """Return the ids of the groups' lanes to the destinations and to the world, the exporter's where followed."""
        followed = tuple(group for group in groups if group in self._followed) if self._followed else ()
        return lane_ids(groups, origin, destinations, followed, exporter if followed else None)

    @cached_property
    def _followed(self) -> frozenset[str]:
        return frozenset(group.id for group in self.commodity_groups if group.follows_exporters)

    def is_break(self, origin: str, day: int) -> bool:
        """Return whether a day, a proleptic ordinal, is a holiday of the origin."""
        return day in self._breaks.get(origin, ())

    @cached_property
    def _breaks(self) -> dict[str, frozenset[int]]:
        days: dict[str, set[int]] = {}
        for one in self.breaks:
            days.setdefault(one.origin, set()).update(range(one.first.toordinal(), one.last.toordinal() + 1))
        return {origin: frozenset(found) for origin, found in days.items()}

    @cached_property
    def _groups_by_goods(self) -> dict[Commodity, tuple[str, ...]]:
        return {}

    def groups_within(self, selectors: tuple[Selector, ...]) -> tuple[str, ...]:
        """Return the ids of the groups all of whose goods are certain to be of some selector."""
        return tuple(group.id for group in self.commodity_groups if any(implies(group.covers, s) for s in selectors))

    def groups_near(self, selectors: tuple[Selector, ...]) -> tuple[str, ...]:
        """Return the ids of the groups that may have goods in common with the selectors."""
        found = self._groups_by_selectors.get(selectors)
        if found is None:
            groups = self.commodity_groups
            found = tuple(group.id for group in groups if any(may_overlap(group.covers, s) for s in selectors))
            if len(self._groups_by_selectors) < MOST_KINDS_OF_GOODS:
                self._groups_by_selectors[selectors] = found
        return found

    @cached_property
    def _groups_by_selectors(self) -> dict[tuple[Selector, ...], tuple[str, ...]]:
        return {}


def read_policy(text: bytes) -> Policy:
    """Return the policy of a JSON document. Raises msgspec.ValidationError naming the field."""
    return msgspec.json.decode(text, type=Policy)
