"""Asks the rules of a rulebook about a shipment: which speak, with what sentence, and which fail."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from services.licensing.domain.book import Missing
from services.licensing.domain.monitoring.facts import LineFacts, ShipmentFacts
from services.licensing.domain.monitoring.translated import Compiled, Piece, Translated
from shared.cel.faults import RuleFailed
from shared.events import Rule
from shared.masses import spoken


class Finding(NamedTuple):
    """A rule that spoke: of which line, if not of the whole shipment, and what; or how it failed."""

    rule: Rule
    line_no: int | None
    says: str
    failure: str = ""


def findings(compiled: Compiled, shipment: ShipmentFacts) -> list[Finding]:
    """Return what the rules say of a shipment, in the order of the rulebook. Raises Missing for what is not loaded."""
    found = list(_asked(compiled.of_shipment.leads_to(shipment, None), shipment, None))
    if compiled.of_line.always or compiled.of_line.keyed:
        for line in shipment.lines:
            found += _asked(compiled.of_line.leads_to(shipment, line), shipment, line)
    if len(found) > 1:
        found.sort(key=lambda each: each[0])
    return [finding for _, finding in found]


def _asked(
    rules: Iterable[Translated], shipment: ShipmentFacts, line: LineFacts | None
) -> Iterator[tuple[int, Finding]]:
    for rule in rules:
        try:
            if rule.holds(shipment, line):
                yield rule.number, _spoken(rule, shipment, line)
        except Missing:
            raise
        except RuleFailed as failure:
            yield rule.number, _failed(rule, line, str(failure))
        except Exception as failure:  # noqa: BLE001 - whatever is wrong with one rule must hold nothing up
            yield rule.number, _failed(rule, line, f"{type(failure).__name__}: {failure}")


def _failed(rule: Translated, line: LineFacts | None, failure: str) -> Finding:
    says = f"rule {rule.rule.id} failed on this shipment: {failure}"
    return Finding(rule.rule, line.line_no if line else None, says, failure)


def _spoken(rule: Translated, shipment: ShipmentFacts, line: LineFacts | None) -> Finding:
    sentence = "".join(_read(piece, shipment, line) for piece in rule.says)
    return Finding(rule.rule, None, sentence) if line is None else Finding(rule.rule, line.line_no, sentence)


def _read(piece: Piece, shipment: ShipmentFacts, line: LineFacts | None) -> str:
    return piece.text if piece.fact is None else as_read(piece.fact(shipment, line), piece.unit)


def as_read(value: Any, unit: str) -> str:  # noqa: PLR0911 - one for each kind of value
    """Return a fact as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if unit == "mass":
            return spoken(value) if value >= 0 else f"-{spoken(-value)}"
        case int():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case timedelta():
            return str(value)
        case tuple():
            return ", ".join(as_read(each, unit) for each in value) or "none"
        case _:
            return str(value)
