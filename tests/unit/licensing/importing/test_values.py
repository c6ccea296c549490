"""One cell: what it is read as, and why it is refused."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.importing.columns import BY_NAME
from services.licensing.importing.values import Unfit, decimal_of, moment_of
from shared.workbooks import Unreadable

EAST = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    "cell,value",
    [
        ("1200.5", "1200.5"),
        ("1200.50", "1200.50"),
        ("0", "0"),
        ("123456789012345678.123456", "123456789012345678.123456"),
        (1200.5, "1200.5"),
        (1200.1, "1200.1"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        (12, "12"),
        (1200.0, "1200"),
        (1e15, "1000000000000000"),
        (123456789012345, "123456789012345"),
    ],
)
def test_a_number_is_read_exactly(cell: Any, value: str) -> None:
    assert str(decimal_of(cell)) == value


@pytest.mark.parametrize(
    "cell,reason",
    [
        ("1,200", "thousands separator"),
        ("1,200.5", "thousands separator"),
        ("1.200.500", "thousands separator"),
        ("1.200,5", "thousands separator"),
        ("1 200", "thousands separator"),
        ("1\u00a0200", "thousands separator"),
        ("1\u202f200", "thousands separator"),
        ("1'200", "thousands separator"),
        ("1200,5", "decimals follow a point"),
        ("-3", "must not be negative"),
        (-3, "must not be negative"),
        (-0.5, "must not be negative"),
        ("1.2E+06", "exponent"),
        ("12 kg", "is not a number"),
        ("€12", "is not a number"),
        ("٣", "is not a number"),
        ("nan", "is not a number"),
        (float("inf"), "finite"),
        (0.1 + 0.2, "digits"),
        (12345678901234567, "digits"),
        (True, "truth value"),
        (date(2025, 1, 2), "date or time"),
        (Unreadable("#DIV/0!", "the cell holds an error"), "holds an error"),
    ],
)
def test_a_number_is_refused_rather_than_guessed(cell: Any, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        decimal_of(cell)


@given(st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False).filter(lambda d: len(str(d)) < 16))
def test_a_spreadsheets_number_is_the_decimal_that_was_typed(typed: Decimal) -> None:
    assert decimal_of(float(typed)) == typed


@pytest.mark.parametrize(
    "cell,moment",
    [
        ("2025-05-12", datetime(2025, 5, 12, tzinfo=UTC)),
        ("2025-05-12Z", datetime(2025, 5, 12, tzinfo=UTC)),
        ("2025-05-12+08:00", datetime(2025, 5, 12, tzinfo=EAST)),
        ("2025-05-12T08:30", datetime(2025, 5, 12, 8, 30, tzinfo=UTC)),
        ("2025-05-12 08:30:15", datetime(2025, 5, 12, 8, 30, 15, tzinfo=UTC)),
        ("2025-05-12T08:30:15.25+08:00", datetime(2025, 5, 12, 8, 30, 15, 250000, tzinfo=EAST)),
        (date(2025, 5, 12), datetime(2025, 5, 12, tzinfo=UTC)),
        (datetime(2025, 5, 12, 8, 30), datetime(2025, 5, 12, 8, 30, tzinfo=UTC)),  # noqa: DTZ001 - as sheets have it
    ],
)
def test_a_date_is_its_first_moment_in_utc_unless_it_says_an_offset(cell: Any, moment: datetime) -> None:
    assert moment_of(cell) == moment


@pytest.mark.parametrize(
    "cell,reason",
    [
        ("12.05.2025", "not guessed"),
        ("05/12/2025", "not guessed"),
        ("20250512", "not guessed"),
        ("2025-W20-1", "not guessed"),
        ("2025-05-12T08:30 CST", "not guessed"),
        ("2025-02-30", "no date that there is"),
        ("2025-05-12T25:00", "no date that there is"),
        ("0001-01-01+08:00", "no date that there is"),
        (45789, "is not a date"),
        (45789.5, "is not a date"),
        (time(12), "is not a date"),
    ],
)
def test_a_date_is_refused_rather_than_guessed(cell: Any, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        moment_of(cell)


@pytest.mark.parametrize(
    "column,cell,value",
    [
        ("licence_id", "L/1 ü", "L/1 ü"),
        ("licence_id", 20250017, "20250017"),
        ("licence_id", 20250017.0, "20250017"),
        ("kind", "single_use", "single_use"),
        ("destinations", "DE|CZ", ("DE", "CZ")),
        ("destinations", " DE | CZ ", ("DE", "CZ")),
        ("hs", "0101|850511", ("0101", "850511")),
        ("hs", 850511, ("850511",)),
        ("hs", 850511.0, ("850511",)),
        ("elements", "Dy|Tb", ("Dy", "Tb")),
        ("unit", "t", "TNE"),
        ("unit", "KGM", "KGM"),
        ("bars_re_export", "Yes", True),
        ("bars_re_export", False, False),
        ("report_within_days", "30", 30),
        ("line_no", 7.0, 7),
    ],
)
def test_a_cell_is_read_as_its_column_says(column: str, cell: Any, value: Any) -> None:
    assert BY_NAME[column].read(cell) == value


@pytest.mark.parametrize(
    "column,cell,reason",
    [
        ("licence_id", "x" * 129, "1 to 128 characters"),
        ("licence_id", "a\tb", "1 to 128 characters"),
        ("licence_id", 12.5, "number with decimals"),
        ("licence_id", datetime(2025, 5, 12), "date or time where text"),  # noqa: DTZ001 - as sheets have it
        ("licence_id", True, "truth value"),
        ("licence_id", 12345678901234567, "digits"),
        ("kind", "Individual", "'Individual' is not one of individual, general"),
        ("origin", "China", "'China' is not a country code"),
        ("destinations", "DE|de", "'de' is not a country code"),
        ("destinations", "DE, CZ", "items are separated by |"),
        ("destinations", "DE;CZ", "items are separated by |"),
        ("destinations", "DE||CZ", "empty item"),
        ("destinations", "DE|DE", "twice"),
        ("consignees", "C1, C2", "items are separated by |"),
        ("hs", 10121, "leading zero"),
        ("hs", "8505.11", "'8505.11' is not an HS code"),
        ("elements", "Xx", "'Xx' is not the symbol of an element"),
        ("forms", "magnets", "'magnets' is not one of ore"),
        ("measure", "brutto", "'brutto' is not one of net"),
        ("unit", "lb", "is not one of KGM"),
        ("currency", "XXX", "'XXX' is not the code of a currency"),
        ("bars_re_export", "maybe", "neither yes nor no"),
        ("line_no", "0", "whole number from 1 to 9999"),
        ("line_no", "1.5", "whole number from 1 to 9999"),
        ("report_within_days", "3661", "whole number from 1 to 3660"),
    ],
)
def test_a_cell_that_its_column_cannot_hold_says_why(column: str, cell: Any, reason: str) -> None:
    with pytest.raises(Unfit) as caught:
        BY_NAME[column].read(cell)
    assert reason in str(caught.value)
