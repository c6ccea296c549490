"""Compares a licence's terms in a register with those that are known, field by field."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from services.licensing.importing.columns import GOODS
from shared.events import LicenceAmended, LicenceLine, LicenceTerms, Money, Selector
from shared.masses import Mass


class Difference(NamedTuple):
    """A field whose meaning changes; both sides as people read them, empty where there is nothing."""

    field: str
    old: str
    new: str


_FIELDS = tuple(name for name in LicenceTerms.__struct_fields__ if name not in ("licence_id", "lines"))


def amended(known: LicenceTerms, told: LicenceTerms, columns: frozenset[str]) -> LicenceAmended:
    """Return the terms as the register tells them; what it has no column for stays as it is known."""
    kept = {name: getattr(known if name not in columns else told, name) for name in _FIELDS}
    before = {line.line_no: line for line in known.lines}
    lines = tuple(_amended_line(before.get(line.line_no), line, columns) for line in told.lines)
    return LicenceAmended(licence_id=told.licence_id, lines=lines, **kept)


def _amended_line(known: LicenceLine | None, told: LicenceLine, columns: frozenset[str]) -> LicenceLine:
    if known is None:
        return told
    goods = {name: getattr((told if name in columns else known).covers, name) for name in GOODS}
    kept = {name: getattr(known, name) for name in ("mass", "measure", "value") if name not in columns}
    return msgspec.structs.replace(told, covers=Selector(**goods), **kept)


def differences(old: LicenceTerms, new: LicenceTerms) -> tuple[Difference, ...]:
    """Return what differs in meaning; the order of a list, a unit or a time's offset is no difference."""
    found = list(_differing("", old, new, _FIELDS))
    before, after = ({line.line_no: line for line in terms.lines} for terms in (old, new))
    for number in sorted(before | after):
        if number in before and number in after:
            found += _line_differences(before[number], after[number])
        else:
            found.append(Difference(f"line {number}", _shown_line(before.get(number)), _shown_line(after.get(number))))
    return tuple(found)


def introduced(terms: LicenceTerms) -> tuple[Difference, ...]:
    """Return all that a licence brings which is new."""
    fields = ((name, shown_value(getattr(terms, name))) for name in _FIELDS if getattr(terms, name))
    lines = ((f"line {line.line_no}", _shown_line(line)) for line in terms.lines)
    return tuple(Difference(name, "", new) for name, new in (*fields, *lines))


def _line_differences(old: LicenceLine, new: LicenceLine) -> Iterator[Difference]:
    prefix = f"line {new.line_no} "
    yield from _differing(prefix, old.covers, new.covers, GOODS)
    yield from _differing(prefix, old, new, ("mass", "measure", "value"))


def _differing(prefix: str, old: Any, new: Any, names: tuple[str, ...]) -> Iterator[Difference]:
    for name in names:
        one, another = getattr(old, name), getattr(new, name)
        if _meaning(one) != _meaning(another):
            yield Difference(prefix + name, shown_value(one), shown_value(another))


def _meaning(value: Any) -> Any:
    match value:
        case Mass():
            return value.mg
        case Money():
            return value.units, value.currency
        case tuple():
            return frozenset(value)
        case _:
            return value


def shown_value(value: Any) -> str:
    """Return a term as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Mass():
            return f"{value.value:f} {value.unit}"
        case Money():
            return f"{value.amount} {value.currency}"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case tuple():
            return ", ".join(value)
        case _:
            return "" if value is None else str(value)


def _shown_line(line: LicenceLine | None) -> str:
    """Return a line in one phrase: its goods and what it grants."""
    if line is None:
        return ""
    goods = "; ".join(shown_value(getattr(line.covers, name)) for name in GOODS if getattr(line.covers, name))
    grants = [shown_value(term) for term in (line.mass, line.value) if term is not None]
    return f"{goods or 'any goods'}: {' and '.join(grants) or 'without limit'}"
