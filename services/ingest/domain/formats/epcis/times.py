"""Points in time as EPCIS writes them."""

from datetime import datetime

import msgspec


def moment(value: object) -> datetime | None:
    """Return a point in time with its offset (RFC 3339), or None for what is none."""
    if type(value) is not str:  # A number with a point is a text of another kind here.
        return None
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return found if found.tzinfo else None
