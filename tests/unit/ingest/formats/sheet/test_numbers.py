"""Numbers are read as the mapping says they are written, and nothing else is taken for one."""

import pytest

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Unfit, decimal_of
from shared.workbooks import Unreadable


@pytest.mark.parametrize(
    "text, mark, thousands, value",
    [
        ("1.234,56", ",", ".", "1234.56"),
        ("1234,56", ",", ".", "1234.56"),
        ("1,234.56", ".", ",", "1234.56"),
        ("12,34,567.89", ".", ",", "1234567.89"),
        ("1 234 567,8", ",", " ", "1234567.8"),
        ("1\u00a0234,5", ",", " ", "1234.5"),
        ("1\u202f234,5", ",", " ", "1234.5"),
        ("1'234.5", ".", "'", "1234.5"),
        ("1\u2019234.5", ".", "'", "1234.5"),
        (",5", ",", "", "0.5"),
        ("007", ".", "", "7"),
        ("1200.50", ".", "", "1200.5"),
        ("0,000", ",", "", "0"),
        ("-5", ".", "", "-5"),
        ("5-", ".", "", "-5"),
        ("+5", ".", "", "5"),
    ],
)
def test_a_number_is_read_as_it_is_written(text: str, mark: str, thousands: str, value: str) -> None:
    assert decimal_of(text, mark, thousands) == value


@pytest.mark.parametrize(
    "text, mark, thousands",
    [
        ("1.234", ",", ""),  # thousands, or decimals after a point?
        ("1,234", ".", ""),
        ("1.23", ",", "."),
        ("1.2345,6", ",", "."),
        ("1.234.56", ",", "."),
        ("1,2,3", ",", "."),
        ("12 kg", ".", ""),
        ("€ 12", ".", ""),
        ("1e3", ".", ""),
        ("-5-", ".", ""),
        ("5,", ",", ""),
        (",", ",", ""),
        ("-", ",", ""),
        ("NaN", ".", ""),
        ("١٢", ".", ""),
        ("1" * 40, ".", ""),
    ],
)
def test_what_is_not_written_like_that_is_no_number(text: str, mark: str, thousands: str) -> None:
    with pytest.raises(Unfit, match="as the mapping says"):
        decimal_of(text, mark, thousands)


@pytest.mark.parametrize(
    "cell, value",
    [
        (1200, "1200"),
        (1200.1, "1200.1"),
        (0.1 + 0.2, "0.3"),  # as a spreadsheet shows a result of a formula
        (1e-7, "0.0000001"),
        (12345678.9, "12345678.9"),
    ],
)
def test_a_number_of_a_workbook_is_what_the_spreadsheet_shows(cell: float, value: str) -> None:
    assert decimal_of(cell, ",", ".") == value


@pytest.mark.parametrize("cell", [True, Merged(2, 5), Unreadable("#DIV/0!", "the cell holds an error")])
def test_a_cell_without_an_amount_of_its_own_is_no_number(cell: Cell) -> None:
    with pytest.raises(Unfit):
        decimal_of(cell, ".", "")
