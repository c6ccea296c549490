"""Masses and amounts of money as the messages have them."""

from services.ingest.domain.formats.usage.fields import Fields
from services.ingest.domain.formats.usage.table import NOT_MASSES, UNITS
from shared.events import Money
from shared.masses import Mass


def mass(fields: Fields, quantity: str) -> Mass | None:
    """Return the mass in a member and the unit beside it; None, with its flaw kept, for what is none."""
    number, unit = fields.number(quantity), fields.one_of("unit", tuple(UNITS))
    if number is None or unit is None:
        return None
    ours = UNITS[unit]
    try:
        return Mass(number.scaleb(ours.exponent), ours.unit)
    except ValueError as error:
        fields.flaw(str(error), quantity)
        return None


def is_no_mass(fields: Fields) -> bool:
    """Return whether the unit is known, and one of something else than mass."""
    return fields.thing.get("unit") in NOT_MASSES


def money(fields: Fields, value: str) -> Money | None:
    """Return the amount in a member and the currency beside it; None, with its flaw kept, for what is none."""
    number, currency = fields.number(value), fields.text("currency")
    if number is None or currency is None:
        return None
    return Money(amount=f"{number:f}", currency=currency)
