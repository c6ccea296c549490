"""Dates are read as the mapping says they are written, in its time zone; what may mean two is refused."""

from datetime import date, datetime, time, timedelta

import pytest

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Unfit
from services.ingest.domain.formats.sheet.date_formats import DateFormat, parsed_format
from services.ingest.domain.formats.sheet.moments import calendar
from shared.workbooks import Unreadable

DAY = datetime(2025, 5, 12)  # noqa: DTZ001 - as sheets have it


def read(*cells: Cell, formats: tuple[str, ...] = ("ISO",), zone: str = "UTC", since_1904: bool = False) -> str:
    return calendar(formats, zone, counts_from_1904=since_1904).moment(cells)


@pytest.mark.parametrize(
    "form, text, moment",
    [
        ("DD.MM.YYYY", "12.05.2025", "2025-05-12T00:00:00Z"),
        ("D.M.YYYY", "1.5.2025", "2025-05-01T00:00:00Z"),
        ("DD.MM.YY", "12.05.25", "2025-05-12T00:00:00Z"),
        ("MM/DD/YYYY", "05/12/2025", "2025-05-12T00:00:00Z"),
        ("YYYYMMDD", "20250512", "2025-05-12T00:00:00Z"),
        ("DD-MMM-YYYY", "12-MAY-2025", "2025-05-12T00:00:00Z"),
        ("DD.MM.YYYY HH:mm", "12.05.2025 08:30", "2025-05-12T08:30:00Z"),
        ("DD.MM.YYYY HH:mm:ss", "12.05.2025 08:30:15,5", "2025-05-12T08:30:15.500000Z"),
        ("MM/DD/YYYY h:mm A", "05/12/2025 1:05 PM", "2025-05-12T13:05:00Z"),
        ("MM/DD/YYYY h:mm A", "05/12/2025 12:05 am", "2025-05-12T00:05:00Z"),
        ("YYYY-MM-DDTHH:mm:ssZ", "2025-05-12T08:30:00+0800", "2025-05-12T00:30:00Z"),
        ("ISO", "2025-05-12", "2025-05-12T00:00:00Z"),
        ("ISO", "2025-05-12T08:30:00.25+02:00", "2025-05-12T06:30:00.250000Z"),
        ("ISO", "2025-05-12 08:30", "2025-05-12T08:30:00Z"),
        ("EXCEL", "45789", "2025-05-12T00:00:00Z"),
        ("EXCEL", "45789,5", "2025-05-12T12:00:00Z"),
    ],
)
def test_a_text_is_read_by_its_format(form: str, text: str, moment: str) -> None:
    assert read(text, formats=(form,)) == moment


@pytest.mark.parametrize(
    "form, text",
    [
        ("DD.MM.YYYY", "31.02.2025"),
        ("DD.MM.YYYY", "1.5.2025"),
        ("DD.MM.YYYY", "2025-05-12"),
        ("DD.MM.YYYY", "12.05.2025 08:30"),
        ("MM/DD/YYYY h:mm A", "05/12/2025 13:05 PM"),
        ("DD.MM.YYYY HH:mm", "12.05.2025 24:00"),
        ("DD-MMM-YYYY", "12-MAI-2025"),
        ("DD.MM.YYYY", "45789"),
        ("EXCEL", "9999999"),
        ("ISO", "\u0662\u0660\u0662\u0665-\u0660\u0665-\u0661\u0662"),
    ],
)
def test_a_text_of_another_form_is_no_date(form: str, text: str) -> None:
    with pytest.raises(Unfit, match="is not a date as the mapping says"):
        read(text, formats=(form,))


@pytest.mark.parametrize(
    "form, reason",
    [
        ("DD.MM", "does not say the year"),
        ("DD.MM.YYYY mm", "says minutes but no hours"),
        ("DD.MM.YYYY HH", None),
        ("DD.MM.YYYY hh", "need each other"),
        ("DD.MM.YYYY DD", "says the day twice"),
        ("dd.MM.YYYY", "is no part of a format"),
        ("", "does not say the year"),
    ],
)
def test_a_format_that_makes_no_point_in_time_is_told(form: str, reason: str | None) -> None:
    found = parsed_format(form)
    assert isinstance(found, DateFormat) if reason is None else reason in str(found)


def test_a_text_that_two_formats_read_differently_is_refused() -> None:
    formats = ("DD/MM/YYYY", "MM/DD/YYYY")
    assert read("25/12/2025", formats=formats) == "2025-12-25T00:00:00Z"
    assert read("05/05/2025", formats=formats) == "2025-05-05T00:00:00Z"
    with pytest.raises(Unfit, match=r"may be 2025-04-05T00:00:00Z or 2025-05-04T00:00:00Z"):
        read("04/05/2025", formats=formats)


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2025-05-12 08:30", "2025-05-12T06:30:00Z"),
        ("2025-01-12 08:30", "2025-01-12T07:30:00Z"),
        ("2025-10-26 02:30", "2025-10-26T00:30:00Z"),  # shown twice; the first
        ("2025-05-12T08:30:00Z", "2025-05-12T08:30:00Z"),
    ],
)
def test_a_time_without_an_offset_is_of_the_zone(text: str, moment: str) -> None:
    assert read(text, zone="Europe/Berlin") == moment


@pytest.mark.parametrize("text", ["2025-03-30 02:30", "0001-01-01 00:00"])
def test_a_time_that_no_clock_there_shows_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="is a time that there is not in Europe/Berlin"):
        read(text, zone="Europe/Berlin")


@pytest.mark.parametrize(
    "cells, moment",
    [
        ((DAY,), "2025-05-12T00:00:00Z"),
        ((date(2025, 5, 12),), "2025-05-12T00:00:00Z"),
        ((45789,), "2025-05-12T00:00:00Z"),
        ((45789.354166666664,), "2025-05-12T08:30:00Z"),
        ((59,), "1900-02-28T00:00:00Z"),
        ((61,), "1900-03-01T00:00:00Z"),
        ((Merged(2, DAY),), "2025-05-12T00:00:00Z"),
        ((DAY, time(8, 30)), "2025-05-12T08:30:00Z"),
        ((DAY, 0.5), "2025-05-12T12:00:00Z"),
        ((DAY, timedelta(hours=1)), "2025-05-12T01:00:00Z"),
        ((DAY, "8:30"), "2025-05-12T08:30:00Z"),
        (("2025-05-12", "08:30"), "2025-05-12T08:30:00Z"),
    ],
)
def test_dates_of_a_workbook_are_taken_however_it_holds_them(cells: tuple[Cell, ...], moment: str) -> None:
    assert read(*cells) == moment


def test_a_number_whose_digits_are_a_date_is_one() -> None:
    assert read(20250512, formats=("YYYYMMDD",)) == "2025-05-12T00:00:00Z"


def test_a_workbook_may_count_from_1904() -> None:
    assert read(44327, since_1904=True) == "2025-05-12T00:00:00Z"


@pytest.mark.parametrize(
    "cells",
    [(True,), (0,), (10**7,), (time(8),), (Unreadable("#N/A", "the cell holds an error"),), (DAY, "noon"), (DAY, 1.5)],
)
def test_what_is_no_date_of_a_workbook_is_refused(cells: tuple[Cell, ...]) -> None:
    with pytest.raises(Unfit):
        read(*cells)
