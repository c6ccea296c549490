"""The single facts that an event's data states, each under its field and as people read it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.licensing.domain.ledger import MASS
from services.licensing.domain.rules.verdict import amount
from shared.events import Money
from shared.masses import Mass

KEYS = ("line_no", "tranche_id", "sub_limit_id", "exporter", "element", "kind", "effective_from")
"""What tells the items of a list apart."""


def facts_of(data: Any) -> dict[str, str]:
    """Return what an event's data states beside whose life it belongs to; what is absent or empty is left out."""
    return {field: value for field, value in _flat(data, "") if field != data.ENTITY}


def _flat(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Yield the single facts of a value."""
    if isinstance(value, msgspec.Struct) and not isinstance(value, Mass | Money):
        for name in value.__struct_fields__:
            yield from _flat(getattr(value, name), f"{field}.{name}" if field else name)
    elif isinstance(value, tuple) and any(isinstance(each, msgspec.Struct) for each in value):
        for key, each in zip(_keys(value), value, strict=True):
            yield from _flat(each, f"{field}[{key}]")
    elif text := _said(value):
        yield field, text


def _said(value: Any) -> str:
    """Return a single value as people read it; of what is absent or does not restrict, nothing."""
    match value:
        case Mass():
            text = amount(value.mg, MASS)
        case Money():
            text = amount(value.units, value.currency)
        case datetime():
            text = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case tuple():
            text = ", ".join(map(str, value))
        case bool():
            text = "yes" if value else ""
        case _:
            text = "" if value is None else str(value)
    return text


def _keys(items: tuple[Any, ...]) -> list[str]:
    """Return what tells items apart: what they are called, or else their numbers."""
    keys = [_key(item, number) for number, item in enumerate(items, start=1)]
    return keys if len(set(keys)) == len(keys) else [str(number) for number in range(1, len(items) + 1)]


def _key(item: Any, number: int) -> str:
    for name in KEYS:
        if name in item.__struct_fields__:
            key = getattr(item, name)
            return key.date().isoformat() if isinstance(key, datetime) else str(key)
    return str(number)
