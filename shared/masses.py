"""Exact masses: decimals on the wire, whole milligrams inside; floats never take part."""

from decimal import Decimal
from typing import Literal

import msgspec

MassUnit = Literal["KGM", "TNE", "GRM", "MGM", "DTN"]
"""Units of mass by their UN/ECE Recommendation 20 codes: kilogram, tonne, gram, milligram, decitonne."""

MILLIGRAMS: dict[str, int] = {
    "MGM": 1,
    "GRM": 1_000,
    "KGM": 1_000_000,
    "DTN": 100_000_000,
    "TNE": 1_000_000_000,
}

MAX_MASS_MG = 10**18
"""A billion tonnes; it keeps every sum of a ledger inside 64 bits."""
MAX_DIGITS = 24
PLAIN_DIGITS = 9
_DECIMALS = {unit: len(str(milligrams)) - 1 for unit, milligrams in MILLIGRAMS.items()}


class Mass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mass on the wire, e.g. `{"value": "1200.5", "unit": "KGM"}`; zero or more, to the milligram."""

    value: Decimal
    unit: MassUnit = "KGM"

    def __post_init__(self) -> None:
        """Refuse what the ledger cannot hold exactly.

        Raises ValueError, which the decoder reports with the field's place.
        """
        sign, digits, exponent = self.value.as_tuple()
        if (
            isinstance(exponent, int)
            and not sign
            and len(digits) <= PLAIN_DIGITS
            and 0 <= -exponent <= _DECIMALS[self.unit]
        ):
            return  # Almost every mass is like this; nothing of what follows can be wrong with it.
        if not self.value.is_finite():
            raise ValueError("a mass must be a finite number")
        # A decimal far below a milligram would be rounded to nothing by the checks that follow.
        if len(digits) > MAX_DIGITS or (isinstance(exponent, int) and exponent < -MAX_DIGITS):
            raise ValueError(f"a mass must not have more than {MAX_DIGITS} digits")
        if self.value < 0:
            raise ValueError(f"a mass must not be negative, got {self.value} {self.unit}")
        if self.value.adjusted() > MAX_DIGITS or self.value * MILLIGRAMS[self.unit] > MAX_MASS_MG:
            raise ValueError("a mass must not exceed 1,000,000,000 t")
        if self.value * MILLIGRAMS[self.unit] % 1:
            raise ValueError(f"a mass must be a whole number of milligrams, got {self.value} {self.unit}")

    @property
    def mg(self) -> int:
        """The mass in milligrams, exactly."""
        return int(self.value * MILLIGRAMS[self.unit])


def kg(mass_mg: int) -> Decimal:
    """Return milligrams as kilograms, exactly and without trailing zeros."""
    value = Decimal(mass_mg).scaleb(-6)
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def spoken(mass_mg: int) -> str:
    """Return a mass as people read it, e.g. `1,200.5 kg`."""
    whole, rest = divmod(mass_mg, MILLIGRAMS["KGM"])
    return f"{whole:,}.{rest:06d}".rstrip("0") + " kg" if rest else f"{whole:,} kg"
