"""What of a shipment line is counted: net or gross mass, contained oxide or contained metal."""

from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from services.licensing.domain.policy import Policy
from shared.events import Measure, ShipmentLine
from shared.masses import spoken

RARE_EARTHS = ("La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Sc", "Y")


class Measured(NamedTuple):
    """A mass in milligrams and, where it was converted, by which factors from which source."""

    mass_mg: int
    how: str = ""


class Unmeasurable(Exception):
    """The declaration does not say what the measure needs; the message names it."""


def measured(line: ShipmentLine, measure: Measure, policy: Policy) -> Measured:
    """Return a line's mass in a measure; a conversion is rounded up to the whole milligram.

    Raises Unmeasurable when a gross mass or contents are needed and not declared.
    """
    if measure == "net":
        return Measured(line.net_mass.mg)
    if measure == "gross":
        if line.gross_mass is None:
            raise Unmeasurable("declare gross_mass")
        return Measured(line.gross_mass.mg)
    if line.commodity.form == "oxide" and measure == "reo" and not line.commodity.contents:
        return Measured(line.net_mass.mg, "an oxide counts in full")
    parts = [_part(line, element, percent, measure, policy) for element, percent in _contents(line)]
    total = sum((part.mass for part in parts), Decimal(0))
    how = f"{spoken(line.net_mass.mg)} net: " + ", ".join(part.how for part in parts)
    return Measured(int(total.to_integral_value(rounding=ROUND_CEILING)), f"{how} ({policy.conversions.source})")


class _Part(NamedTuple):
    mass: Decimal
    how: str


def _contents(line: ShipmentLine) -> list[tuple[str, Decimal]]:
    """Return the rare earths in the goods with their percent; a metal or oxide of one element is all of it."""
    goods = line.commodity
    named = [(c.element, c.percent) for c in goods.contents if c.element in RARE_EARTHS]
    if named:
        return named
    elements = [e for e in goods.elements if e in RARE_EARTHS]
    if goods.form in ("metal", "oxide") and len(elements) == 1 and not goods.contents:
        return [(elements[0], Decimal(100))]
    raise Unmeasurable("declare the contents: the percent of each rare earth")


def _part(line: ShipmentLine, element: str, percent: Decimal, measure: Measure, policy: Policy) -> _Part:
    """Contents are of the element; of an oxide they are of that element's oxide."""
    factor = policy.conversions.oxide_factor(element)
    share = line.net_mass.mg * percent / 100
    is_oxide = line.commodity.form == "oxide"
    if is_oxide == (measure == "reo"):
        return _Part(share, f"{percent:f} % {element}")
    if measure == "reo":
        return _Part(share * factor, f"{percent:f} % {element} x {factor:f}")
    return _Part(share / factor, f"{percent:f} % {element} oxide / {factor:f}")
