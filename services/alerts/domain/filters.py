"""Which subscriptions an alert concerns: the definition, and the keys of the index that finds them.

The index holds one row for each subscription and concrete key (commodity group, origin, destination).
An alert looks up the few keys of its scope, wildcards included, so that the cost grows with the
matches and not with the subscriptions. Exporters, kinds and severity are checked on what is found.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, get_args

from shared.events import ALERT_TYPES, EVERYWHERE, FOR_EVERYONE, EndpointNoticed, Scope, Severity

ANY = "*"
"""In a key: the filter does not restrict this field."""
SOME = "+"
"""In a key: the filter names destinations; found by alerts that concern every destination."""

MAX_KEYS = 2000
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
PING = "lanewatch.test.ping"
DIGEST = "lanewatch.digest"
OF_ONE = frozenset({PING, DIGEST})
"""Made for one subscription: no filter is asked."""
NOT_BY_DEFAULT = frozenset({"lanewatch.decision.permitted", "lanewatch.lane.exporter_changed", *EndpointNoticed.TYPES})
"""Kinds that a subscription gets only when it names them: one for every parcel or every exporter would be noise,
and how an endpoint fares is for those who run it."""
KINDS = frozenset(ALERT_TYPES) - OF_ONE


@dataclass(frozen=True)
class Filter:
    """What a subscription wants; an empty field does not restrict."""

    commodity_groups: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    exporters: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Event types, or prefixes such as `lanewatch.lane.*`; empty: all but `NOT_BY_DEFAULT`."""
    min_severity: Severity = "info"
    condition: str | None = None
    """In CEL, over the alert: see `conditions`."""


class Key(NamedTuple):
    """A row of the index, or what an alert looks up in it."""

    commodity_group: str
    origin: str
    destination: str


def rank(severity: Severity) -> int:
    """Return the severity's place from 0, least first."""
    return SEVERITIES.index(severity)


def kind_patterns(kind: str) -> tuple[str, ...]:
    """Return everything a filter may write to mean this kind: itself and each prefix with `*`."""
    parts = kind.split(".")
    return (kind, *(".".join(parts[:n]) + ".*" for n in range(1, len(parts))))


KNOWN_PATTERNS = frozenset(pattern for kind in KINDS for pattern in kind_patterns(kind))


def is_default(kind: str) -> bool:
    """Return whether a subscription that names no kinds gets this one."""
    return kind not in NOT_BY_DEFAULT


def kinds_of(wanted: Filter) -> frozenset[str]:
    """Return the kinds of alerts that a filter can let through."""
    if not wanted.kinds:
        return frozenset(filter(is_default, KINDS))
    return frozenset(kind for kind in KINDS if not set(wanted.kinds).isdisjoint(kind_patterns(kind)))


def filter_keys(wanted: Filter) -> frozenset[Key]:
    """Return the index rows of a subscription."""
    destinations = (*wanted.destinations, SOME) if wanted.destinations else (ANY,)
    return frozenset(map(Key._make, product(wanted.commodity_groups or (ANY,), wanted.origins or (ANY,), destinations)))


def key_count(wanted: Filter) -> int:
    """Return how many index rows a subscription has, without making them."""
    destinations = len(set(wanted.destinations)) + 1 if wanted.destinations else 1
    return max(1, len(set(wanted.commodity_groups))) * max(1, len(set(wanted.origins))) * destinations


def lookup_keys(scope: Scope) -> frozenset[Key]:
    """Return the keys under which the index holds every subscription that the scope satisfies."""
    destinations = {SOME} if EVERYWHERE in scope.destinations else set(scope.destinations)
    return frozenset(map(Key._make, product({*scope.commodity_groups, ANY}, {scope.origin, ANY}, {*destinations, ANY})))


def matches(wanted: Filter, kind: str, severity: Severity, scope: Scope) -> bool:
    """Return whether an alert concerns a subscription; this defines what the index must find.

    An alert that names no exporter concerns all of them. A lane that sums all destinations
    (`world`) is not the lane of a country. What is for everyone asks for no goods and no lane.
    """
    return (
        (kind in FOR_EVERYONE or _concerns(wanted, scope))
        and (not set(wanted.kinds).isdisjoint(kind_patterns(kind)) if wanted.kinds else is_default(kind))
        and rank(severity) >= rank(wanted.min_severity)
    )


def _concerns(wanted: Filter, scope: Scope) -> bool:
    return (
        (not wanted.commodity_groups or not set(wanted.commodity_groups).isdisjoint(scope.commodity_groups))
        and (not wanted.origins or scope.origin in wanted.origins)
        and _concerns_destination(wanted.destinations, scope.destinations)
        and (not wanted.exporters or scope.exporter is None or scope.exporter in wanted.exporters)
    )


def _concerns_destination(wanted: tuple[str, ...], destinations: tuple[str, ...]) -> bool:
    return not wanted or EVERYWHERE in destinations or not set(wanted).isdisjoint(destinations)
