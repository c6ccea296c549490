"""Two hundred monitoring rules as a large authority or exporter would keep them: few speak of any one shipment."""

from typing import Any

from benchmarks.licensing.load import CONTROLLED, DESTINATIONS, END_USES, EXPORTERS, START

RULES = 200
_EVERYWHERE = (
    "shipment.evidence.exists(e, e.kind == 'sustainability' && !e.is_valid && e.days_left < -{n})",
    "has(line.licence) && !(shipment.destination in line.licence.destinations) && line.net_mass_mg > mass('{n} kg')",
    "has(line.licence) && has(line.licence.used_percent) && line.licence.used_percent - {n} > 90",
    "has(line.gross_mass_mg) && line.gross_mass_mg < line.net_mass_mg - {n}",
    "shipment.times_decided > 3 + {n}",
    "line.quotas.exists(q, has(q.used_percent) && q.used_percent > 95 && q.elapsed_percent < {n})",
    "line.lanes.exists(l, l.state == 'restricted' && has(l.idle_days) && l.idle_days > 20 + {n})",
    "has(line.value) && line.value.ten_thousandths * 10 / (line.net_mass_mg / 1000000 + 1) > 10000000 + {n}",
    "line.net_mass_mg > mass('{n}99.9 kg') && line.net_mass_mg < mass('{n}99.95 kg')",
    "has(shipment.re_exported_to) && shipment.re_exported_to in ['KZ', 'KG', 'AM', 'GE', 'AE', 'T{n}']",
)
"""Asked of every shipment or line."""


def rulebook() -> dict[str, Any]:
    """Return the data of the event that rolls the rules out."""
    return {
        "version": "benchmark",
        "title": "Two hundred rules",
        "effective_from": START.replace(year=START.year - 2).isoformat(),
        "rules": [_rule(number, when) for number, when in enumerate(_conditions())],
        "by": "operator",
        "reason": "benchmark",
    }


def _conditions() -> list[str]:
    """Return a quarter of what is asked of all, the rest of exporters, places, goods and end users."""
    found = [_EVERYWHERE[n % len(_EVERYWHERE)].replace("{n}", str(n // len(_EVERYWHERE) + 1)) for n in range(50)]
    for n in range(50):
        exporter = f"EXP-{n % EXPORTERS:03d}"
        found.append(f"shipment.exporter == '{exporter}' && line.net_mass_mg > mass('1190 kg') && line.form == 'metal'")
    for n in range(50):
        place = DESTINATIONS[n % len(DESTINATIONS)]
        use = END_USES[n % len(END_USES)]
        found.append(
            f"shipment.destination == '{place}' && has(shipment.end_use) && shipment.end_use == '{use}'"
            f" && shipment.net_mass_mg > mass('{3000 + n} kg')"
        )
    for n in range(50):
        element = CONTROLLED[n % len(CONTROLLED)]
        found.append(
            f"'{element}' in line.elements && has(line.licence) && line.licence.days_left < {n}"
            f" && shipment.consignee == 'CON-{n:04d}'"
        )
    return found


def _rule(number: int, when: str) -> dict[str, Any]:
    says = "line {line.line_no} of {shipment.id} is unusual" if "line." in when else "{shipment.id} is unusual"
    return {"id": f"r{number:03d}", "when": when, "effect": "note", "says": says}
