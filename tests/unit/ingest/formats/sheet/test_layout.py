"""The header is found, and what the file and the mapping lack of each other is told before anything is sent."""

from typing import Any

import pytest

from tests.support.sheet_reading import SheetRead, read_csv
from tests.support.sheets import CLEARED, changed

TITLES = "Export of 1 May,\n\nPlant,1\n"


def read(text: str, **over: Any) -> SheetRead:
    return read_csv(changed(CLEARED, **over), text.encode())


@pytest.mark.parametrize(
    "header", ["Shipment,Date", "Date,Shipment", " SHIPMENT ,date", '"Ship\nment",Date', "Remark,Shipment,,Date,"]
)
def test_columns_are_known_by_their_headers(header: str) -> None:
    mapping = {"data__shipment_id": {"column": "Ship ment"}} if "\n" in header else {}
    cells = {"shipment": "S-1", "date": "2025-05-02", "remark": "r", '"ship\nment"': "S-1"}
    row = ",".join(cells.get(name.strip().lower(), "") for name in header.split(","))
    assert read(f"{header}\n{row}", **mapping).events[0]["data"] == {"shipment_id": "S-1"}


def test_a_header_is_found_under_titles() -> None:
    found = read(f"{TITLES}Shipment,Date\nS-1,2025-05-02\n")
    assert found.translator.layout
    assert (found.translator.layout.row, found.outcomes) == (4, [(5, 5, True)])


def test_a_header_that_is_said_to_stand_elsewhere_is_looked_for_there_alone() -> None:
    text = "Shipment,Date\nShipment,Date\nS-1,2025-05-02\n"
    assert read(text, file={"header_row": 2}).outcomes == [(3, 3, True)]
    missing = read(text, file={"header_row": 3})
    assert missing.made == []
    assert missing.places == {(3, "Shipment"), (3, "Date")}
    assert "there is nothing in row 9" in str(read(text, file={"header_row": 9}).fault)


def test_a_lacking_column_is_told_with_those_that_there_are() -> None:
    found = read(f"{TITLES}Shipmnt,Date,Remark\nS-1,2025-05-02,x\n")
    assert found.made == []
    assert found.flaws == [
        (4, "Shipment", "the file has no such column, which is mapped to shipment_id; perhaps Shipmnt")
    ]
    assert found.fault
    assert found.fault.detail == "Row 4 has these columns: Shipmnt, Date, Remark. Nothing was sent."


def test_an_optional_column_may_be_lacking() -> None:
    assert "location" not in read("Shipment,Date\nS-1,2025-05-02\n").events[0]["data"]
    assert read("Shipment,Date,Port\nS-1,2025-05-02,CNSHA\n").events[0]["data"]["location"] == "CNSHA"


def test_a_column_that_stands_twice_must_be_told_apart() -> None:
    text = "Shipment,Date,Date\nS-1,2025-05-02,2025-05-03\n"
    found = read(text)
    assert found.flaws == [(1, "Date", "the column stands 2 times, in B and C; say by nth which is mapped to time")]
    assert read(text, time={"column": "Date", "nth": 2}).events[0]["time"] == "2025-05-03T00:00:00Z"
    assert read(text, time={"column": "Date", "nth": 3}).places == {(1, "Date")}


def test_other_columns_may_stand_twice() -> None:
    found = read("Shipment,Date,Note,Note\nS-1,2025-05-02,a,b\n")
    assert found.translator.layout
    assert found.translator.layout.mapped == ("Shipment", "Date")
    assert found.translator.layout.unmapped == ("Note", "Note")


def test_a_file_without_a_header_is_given_up_after_the_first_rows() -> None:
    found = read("a,b\n" * 1000)
    assert found.made == []
    assert found.places == {(1, "Shipment"), (1, "Date")}


@pytest.mark.parametrize("text", ["", "\n\n", " \n"])
def test_an_empty_file_is_told(text: str) -> None:
    assert "the file is empty" in str(read(text).fault)
