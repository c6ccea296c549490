"""Rows of a workbook come out of the process that reads it as they went in, merged cells in each of their rows."""

import io
from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.formats.sheet.cells import Cell, Merged, Row
from services.ingest.domain.formats.sheet.wire import broken_off, lines_of, read_line, read_opened
from shared.workbooks import Merge, Sheet, Unreadable, open_sheet
from tests.support.sheets import excel_of

CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8")),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=1000)).map(lambda gone: timedelta(seconds=int(gone.total_seconds()))),
    st.builds(Unreadable, st.text(st.characters(codec="utf-8")), st.just("why")),
)


def sheet(*rows: tuple[Cell, ...], merges: tuple[Merge, ...] = ()) -> Sheet:
    return Sheet("S", counts_from_1904=True, merges=merges, cells=iter(enumerate(rows, start=1)))  # type: ignore[arg-type] # no Merged among them


def rows_of(found: Sheet) -> list[tuple[Cell, ...]]:
    _, *lines = lines_of(found)
    rows = [read_line(line) for line in lines]
    assert [row.number for row in rows if isinstance(row, Row)] == list(range(1, len(rows) + 1))
    return [tuple(row.cells) for row in rows if isinstance(row, Row)]


@given(st.lists(st.lists(CELLS, max_size=5).map(tuple), max_size=5))
def test_cells_come_out_as_they_went_in(rows: list[tuple[Cell, ...]]) -> None:
    assert rows_of(sheet(*rows)) == rows


def test_a_date_is_a_midnight() -> None:
    assert rows_of(sheet((date(2025, 5, 2),))) == [(datetime(2025, 5, 2),)]  # noqa: DTZ001 - as sheets have it


def test_what_was_opened_is_told_first_and_what_went_wrong_at_last() -> None:
    first = read_opened(next(lines_of(sheet())))
    assert (first.title, first.counts_from_1904, first.unreadable) == ("S", True, None)
    assert read_opened(broken_off("why")).unreadable == "why"
    assert read_line(broken_off("why")) == "why"


def test_merged_cells_show_what_the_first_of_them_holds() -> None:
    rows = rows_of(sheet(("a", time(8)), (None, 1), (), ("b",), merges=(Merge(0, 1, 3), Merge(1, 1, 2))))
    assert rows == [("a", time(8)), (Merged(1, "a"), Merged(1, time(8))), (Merged(1, "a"),), ("b",)]


def test_merges_are_found_in_a_workbook_with_hundreds_of_them() -> None:
    rows = [[f"S-{number}" if number % 2 == 0 else None, number] for number in range(1200)]
    merged = [f"A{number}:A{number + 1}" for number in range(1, 1200, 2)]
    found = open_sheet(io.BytesIO(excel_of(rows, merged=merged)), None, 10**8)
    assert len(found.merges) == 600
    second = rows_of(found)[1::2]
    assert second[0] == (Merged(1, "S-0"), 1)
    assert all(isinstance(row[0], Merged) for row in second)
