"""Texts and points in time as a tree of JSON holds them; a number with a point is a text of another kind there."""

from datetime import UTC, datetime
from typing import TypeGuard

import msgspec

from services.ingest.domain.json_text import Fraction


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value stood in quotes."""
    return isinstance(value, str) and not isinstance(value, Fraction)


def moment(value: object) -> datetime | None:
    """Return a point in time (RFC 3339, with its offset) in UTC, or None for what is none.

    One that has no place in UTC, as in year 1 east of Greenwich, stays as it is; the contract refuses it.
    """
    if not is_text(value):
        return None
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    if not found.tzinfo:
        return None
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return found
