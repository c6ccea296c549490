"""The facts that conditions of filters may ask for: of an alert, its reasons, and what flows instead.

Masses are whole milligrams and times are in UTC; what an alert of some kind does not say is absent.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.alerts.domain.filters import rank
from shared.cel.kinds import Kind, fact
from shared.cloudevents import Event
from shared.events import Alternative, Reason
from shared.masses import MILLIGRAMS

MANY = 200
"""Lists count for so many items."""
_SPOKEN = re.compile(r"([0-9,]+(?:\.[0-9]+)?) kg")


class ReasonFacts:
    """A reason of the alert: a rule that spoke."""

    NAME = "reason"

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    @fact()
    def rule(self) -> str:
        """The rule that spoke, e.g. `lane.gate.licences`."""
        return self._reason.rule

    @fact()
    def says(self) -> str:
        """What it found, in a sentence."""
        return self._reason.says

    @fact(unit="mass")
    def left_mg(self) -> int | None:
        """What licences or quota have left, where it says so."""
        return _spoken_mg(self._reason.figures.get("left"))


class AlternativeFacts:
    """A lane on which the same goods flow."""

    NAME = "alternative"

    def __init__(self, other: Alternative) -> None:
        self._other = other

    @fact()
    def origin(self) -> str:
        """The country that goods come from."""
        return self._other.origin

    @fact()
    def destination(self) -> str:
        """The country that they go to."""
        return self._other.destination

    @fact()
    def exporter(self) -> str | None:
        """Whose part of the lane it is."""
        return self._other.exporter

    @fact(unit="mass")
    def left_mg(self) -> int | None:
        """What the licences that open it have left."""
        return _mg(self._other.left_kg)


class AlertFacts:
    """The alert."""

    NAME = "alert"

    def __init__(self, event: Event[Any]) -> None:
        self._event, self._data = event, event.data

    def _said(self, name: str) -> Any:
        found = getattr(self._data, name, None)
        return found if found is not None and type(found).__name__ != "UnsetType" else None

    @fact()
    def kind(self) -> str:
        """Its type, e.g. `lanewatch.lane.changed`."""
        return self._event.type

    @fact()
    def severity(self) -> str:
        """`info`, `notice`, `warning` or `critical`."""
        return str(self._data.severity)

    @fact()
    def severity_rank(self) -> int:
        """0 for `info` to 3 for `critical`."""
        return rank(self._data.severity)

    @fact()
    def headline(self) -> str:
        """The sentence for people."""
        return str(self._data.headline)

    @fact()
    def happened_at(self) -> datetime:
        """When it happened."""
        return self._event.time

    @fact(most=MANY)
    def commodity_groups(self) -> tuple[str, ...]:
        """The groups of goods that it concerns."""
        return tuple(self._data.scope.commodity_groups)

    @fact()
    def origin(self) -> str:
        """The country that goods leave; `*` for all."""
        return str(self._data.scope.origin)

    @fact(most=MANY)
    def destinations(self) -> tuple[str, ...]:
        """The countries that they go to; `world` for a lane that sums all, `*` for every one."""
        return tuple(self._data.scope.destinations)

    @fact()
    def exporter(self) -> str | None:
        """Whom it concerns; absent where all."""
        return self._data.scope.exporter  # type: ignore[no-any-return] # as the contract says

    @fact()
    def lane_id(self) -> str | None:
        """The lane."""
        return self._said("lane_id")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def state(self) -> str | None:
        """The lane's flow state now."""
        return self._said("state")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def previous(self) -> str | None:
        """The lane's flow state before."""
        return self._said("previous")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def since(self) -> datetime | None:
        """Since when the lane is in its state."""
        return self._said("since")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def outcome(self) -> str | None:
        """What was decided of a shipment."""
        return self._said("outcome")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def rule(self) -> str | None:
        """The monitoring rule of a finding."""
        return self._said("rule")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def is_correction(self) -> bool:
        """Whether it takes the place of an alert that no longer stands."""
        return self._said("supersedes") is not None

    @fact()
    def shipment_id(self) -> str | None:
        """The shipment."""
        return self._said("shipment_id")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def licence_id(self) -> str | None:
        """The licence."""
        return self._said("licence_id")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def quota_id(self) -> str | None:
        """The quota."""
        return self._said("quota_id")  # type: ignore[no-any-return] # as the contract says

    @fact()
    def regime_id(self) -> str | None:
        """The regime."""
        return self._said("regime_id")  # type: ignore[no-any-return] # as the contract says

    @fact(unit="mass")
    def left_mg(self) -> int | None:
        """What a licence or quota has left."""
        return _mg(self._said("left_kg"))

    @fact(unit="mass")
    def granted_mg(self) -> int | None:
        """What it was granted."""
        return _mg(self._said("granted_kg"))

    @fact(unit="mass")
    def net_mass_mg(self) -> int | None:
        """The net mass of the shipment."""
        return _mg(self._said("net_mass_kg"))

    @fact(most=MANY)
    def reasons(self) -> tuple[ReasonFacts, ...]:
        """Why."""
        return tuple(ReasonFacts(reason) for reason in self._said("reasons") or ())

    @fact(most=MANY)
    def alternatives(self) -> tuple[AlternativeFacts, ...]:
        """Which lanes flow instead."""
        return tuple(AlternativeFacts(other) for other in self._said("alternatives") or ())


CLASSES = (AlertFacts, ReasonFacts, AlternativeFacts)
VARIABLES = {AlertFacts.NAME: Kind(AlertFacts.NAME, facts=AlertFacts)}
"""What a condition begins with."""


def _mg(kilograms: str | None) -> int | None:
    return None if kilograms is None else int(Decimal(kilograms) * MILLIGRAMS["KGM"])


def _spoken_mg(written: str | None) -> int | None:
    found = _SPOKEN.fullmatch(written or "")
    return _mg(found[1].replace(",", "")) if found else None
