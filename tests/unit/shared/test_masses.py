"""Masses are exact, bounded, and never pass through a float."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.masses import MAX_MASS_MG, MILLIGRAMS, Mass, kg, spoken


def decoded(value: str, unit: str = "KGM") -> Mass:
    return msgspec.json.decode(f'{{"value": {value}, "unit": "{unit}"}}'.encode(), type=Mass)


@pytest.mark.parametrize(
    "value, unit, mg",
    [
        ('"1200.5"', "KGM", 1_200_500_000),
        ("1200.5", "KGM", 1_200_500_000),
        ("0.000001", "KGM", 1),
        ("0.001", "GRM", 1),
        ('"0.000000001"', "TNE", 1),
        ("1000000000", "TNE", MAX_MASS_MG),
        ("0", "KGM", 0),
        ("1.10", "KGM", 1_100_000),
        ("1e3", "KGM", 1_000_000_000),
        ('"0.1"', "TNE", 100_000_000),
    ],
)
def test_mass_is_exact_in_milligrams(value: str, unit: str, mg: int) -> None:
    assert decoded(value, unit).mg == mg


@pytest.mark.parametrize(
    "value, unit, says",
    [
        ("-1", "KGM", "negative"),
        ('"-0.000001"', "KGM", "negative"),
        ('"NaN"', "KGM", "finite"),
        ('"sNaN"', "KGM", "finite"),
        ('"Infinity"', "KGM", "finite"),
        ("1e400", "KGM", "exceed"),
        ('"1e1000000"', "KGM", "exceed"),
        ('"0e1000000"', "KGM", "exceed"),
        ("1000000000.000000001", "TNE", "exceed"),
        ("0.0000001", "KGM", "whole number of milligrams"),
        ("1e-9999999", "KGM", "24 digits"),
        ('"1e-9999999"', "TNE", "24 digits"),
        ("9" * 5000, "KGM", "24 digits"),
        ("1.0000000000000000000000000", "KGM", "24 digits"),
    ],
)
def test_mass_that_the_ledger_cannot_hold_is_refused(value: str, unit: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        decoded(value, unit)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "true", "null", "[]", '"1,5"', '""', '"0x10"'])
def test_what_is_no_number_is_no_mass(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decoded(text)


@given(st.integers(0, MAX_MASS_MG), st.sampled_from(sorted(MILLIGRAMS)))
def test_every_milligram_survives_the_wire(mg: int, unit: str) -> None:
    value = Decimal(mg).scaleb(-len(str(MILLIGRAMS[unit])) + 1)
    assert decoded(f'"{value}"', unit).mg == mg
    assert decoded(f"{value:f}", unit).mg == mg


@given(st.decimals())
def test_any_decimal_is_refused_or_a_whole_number_of_milligrams(value: Decimal) -> None:
    try:
        mass = Mass(value, "KGM")
    except ValueError:
        return
    assert Decimal(mass.mg).scaleb(-6) == value
    assert 0 <= mass.mg <= MAX_MASS_MG


@pytest.mark.parametrize(
    "mg, plain, said",
    [
        (1_200_500_000, "1200.5", "1,200.5 kg"),
        (1, "0.000001", "0.000001 kg"),
        (0, "0", "0 kg"),
        (10**12, "1000000", "1,000,000 kg"),
        (MAX_MASS_MG, "1000000000000", "1,000,000,000,000 kg"),
    ],
)
def test_milligrams_are_shown_as_kilograms(mg: int, plain: str, said: str) -> None:
    assert f"{kg(mg):f}" == plain
    assert spoken(mg) == said
