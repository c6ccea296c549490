"""Rows become events: which make one, what is wrong with which cell, and that no shipment is declared by half."""

from datetime import datetime
from typing import Any

import pytest

from services.ingest.domain.formats.sheet import shipments
from tests.support.sheet_reading import read_csv, read_excel
from tests.support.sheets import CLEARED, DECLARED, HEADER, changed, csv_of, excel_of, row

COLUMNS = HEADER.split(";")
DAY = datetime(2025, 5, 2)  # noqa: DTZ001 - as sheets have it


def cells(shipment: Any, **over: Any) -> list[Any]:
    """Return a row of a workbook, good but for what is changed."""
    good = dict(zip(COLUMNS, [shipment, DAY, "Motor AG", "DE", "850511", "Nd,Dy", 1234.5, 1300, "kg"], strict=True))
    return list((good | over).values())


def line_numbers(events: list[Any]) -> list[list[int]]:
    return [[line["line_no"] for line in event["data"]["lines"]] for event in events]


def test_consecutive_rows_of_a_shipment_are_its_lines() -> None:
    read = read_csv(DECLARED, csv_of(row("S-1"), row("S-1"), row("S-2"), row("S-3"), row("S-3")))
    assert line_numbers(read.events) == [[1, 2], [1], [1, 2]]
    assert [(made.first, made.last) for made in read.made] == [(2, 3), (4, 4), (5, 6)]


def test_each_row_is_an_event_where_the_mapping_says_so() -> None:
    read = read_csv(changed(DECLARED, rows="single"), csv_of(row("S-1"), row("S-1")))
    assert line_numbers(read.events) == [[1], [1]]
    assert read.events[0] == read.events[1]


def test_rows_without_a_shipment_go_on_with_the_one_above_where_the_mapping_says_so() -> None:
    content = csv_of(row("S-1"), row("", Datum="", Empfänger="", Land=""), row("S-2"))
    assert line_numbers(read_csv(changed(DECLARED, rows="same_shipment_or_empty"), content).events) == [[1, 2], [1]]
    assert read_csv(DECLARED, content).outcomes == [(2, 3, False), (4, 4, True)]


def test_what_is_said_of_a_shipment_may_stand_in_its_first_row_only() -> None:
    read = read_csv(DECLARED, csv_of(row("S-1"), row("S-1", Datum="", Empfänger="", Land="")))
    assert line_numbers(read.events) == [[1, 2]]


@pytest.mark.parametrize("column, value", [("Land", "Japan"), ("Datum", "03.05.2025"), ("Empfänger", "Other AG")])
def test_rows_of_a_shipment_that_contradict_each_other_are_refused(column: str, value: str) -> None:
    read = read_csv(DECLARED, csv_of(row("S-1"), row("S-1", **{column: value}), row("S-2")))
    assert read.outcomes == [(2, 3, False), (4, 4, True)]
    assert read.flaws == [(3, column, f"'{value}' is another than in row 2")]


def test_what_is_written_otherwise_and_means_the_same_does_not_contradict() -> None:
    assert read_csv(DECLARED, csv_of(row("S-1"), row("S-1", Land="DE", Datum="02.05.2025 00:00"))).events


def test_a_shipment_that_stands_in_two_places_is_refused_the_second_time() -> None:
    read = read_csv(DECLARED, csv_of(row("S-1"), row("S-2"), row("S-1")))
    assert read.outcomes == [(2, 2, True), (3, 3, True), (4, 4, False)]
    assert "stood in row 2 already" in str(read.flaws)


def test_only_so_many_shipments_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipments, "REMEMBERED", 2)
    content = csv_of(row("S-1"), row("S-2"), row("S-3"), row("S-1"), row("S-3"))
    assert [is_one for _, _, is_one in read_csv(DECLARED, content).outcomes] == [True, True, True, True, False]


@pytest.mark.parametrize(
    "rows, outcomes",
    [
        # A row that cannot be read may be a line of the shipment above, or of the one below.
        (["S-1", "?", "S-2", "S-3"], [(2, 3, False), (4, 4, False), (5, 5, True)]),
        (["S-1", "?", "S-1", "S-2"], [(2, 4, False), (5, 5, True)]),
        (["?", "S-1", "S-2"], [(2, 2, False), (3, 3, False), (4, 4, True)]),
        (["S-1", "S-2", "?"], [(2, 2, True), (3, 4, False)]),
        (["S-1", "?", "?", "S-2", "S-3"], [(2, 4, False), (5, 5, False), (6, 6, True)]),
    ],
)
def test_no_shipment_is_declared_without_a_line_that_may_be_its_own(
    rows: list[str], outcomes: list[tuple[int, int, bool]]
) -> None:
    read = read_csv(DECLARED, csv_of(*('"a"b' if name == "?" else row(name) for name in rows)))
    assert read.outcomes == outcomes


def test_a_row_that_names_no_shipment_refuses_the_one_above_unless_it_is_skipped() -> None:
    content = csv_of(row("S-1"), row("S-2"), ";;;;;Summe;2.469;;")
    read = read_csv(DECLARED, content)
    assert read.outcomes == [(2, 2, True), (3, 4, False)]
    assert [(place, column) for place, column, _ in read.flaws] == [(4, "Lieferung")]
    skipped = read_csv(changed(DECLARED, skip=[{"column": "Elemente", "words": ["Summe"]}]), content)
    assert (len(skipped.events), skipped.translator.skipped) == (2, 1)
    empty = read_csv(changed(DECLARED, skip=[{"column": "Lieferung", "words": [""]}]), content)
    assert (len(empty.events), empty.translator.skipped) == (2, 1)


def test_a_row_of_text_with_more_cells_than_the_header_is_not_read() -> None:
    read = read_csv(DECLARED, csv_of(row("S-1"), row("S-2", Empfänger="Motor; AG"), row("S-3"), row("S-4") + ";;"))
    assert [made.first for made in read.made if (made.first, made.last, True) in read.outcomes] == [5]
    assert "is a text not in quotes?" in str(read.flaws)


def test_all_that_is_wrong_with_a_shipment_is_told_by_row_and_column() -> None:
    content = csv_of(
        row("S-1", Empfänger="\u0007"),
        row("S-1", Empfänger="", Netto="viel", Einheit="lb"),
        row("S-1", Empfänger="", Elemente="Nd,Xx", Land="Japan"),
        row("S-1", Empfänger="", Brutto="1"),
    )
    assert read_csv(DECLARED, content).places == {
        (2, "Empfänger"),
        (3, "Netto"),
        (3, "Einheit"),
        (4, "Elemente"),
        (4, "Land"),
        (5, "Brutto"),
    }


@pytest.mark.parametrize(
    "over, column, detail",
    [
        ({"Empfänger": ""}, "Empfänger", "the cell is empty, and consignee is needed"),
        ({"Netto": ""}, "Netto", "the cell is empty, and lines.net_mass.value is needed"),
        ({"Netto": "-5"}, "Netto", "a mass must not be negative"),
        ({"Land": "Austria"}, "Land", "the mapping has no word for it"),
        ({"Warennummer": "magnets"}, "Warennummer", "a Harmonized System code"),
        ({"Elemente": "Nd,,Dy"}, "Elemente", "an empty item"),
        ({"Datum": "5/2/2025"}, "Datum", "is not a date as the mapping says they are written: DD.MM.YYYY or"),
        ({"Einheit": "lb"}, "Einheit", "not one of KGM"),
        ({"Brutto": "1"}, "Brutto", "gross_mass must not be less than net_mass"),
    ],
)
def test_what_is_wrong_is_told_for_people(over: dict[str, str], column: str, detail: str) -> None:
    read = read_csv(DECLARED, csv_of(row("S-1", **over)))
    assert [(place, name) for place, name, _ in read.flaws] == [(2, column)] * len(read.flaws)
    assert detail in str(read.flaws)


def test_what_the_mapping_itself_gives_is_told_as_its_own() -> None:
    mapping = changed(DECLARED, data__lines__line_no={"value": "1"})
    read = read_csv(mapping, csv_of(row("S-1"), row("S-1")))
    assert read.flaws == [(3, None, "lines.line_no, which the mapping gives: stands twice in lines: 1")]


def test_parts_whose_number_is_empty_are_left_out() -> None:
    mapping = changed(
        DECLARED,
        data__lines__commodity__contents=[
            {"element": {"value": "Nd"}, "percent": {"column": "Nd %"}},
            {"element": {"value": "Dy"}, "percent": {"column": "Dy %"}},
        ],
        data__evidence=[
            {
                "kind": {"value": "certificate"},
                "reference": {"column": "Zertifikat"},
                "valid_from": {"value": "2025-01-01T00:00:00Z"},
                "valid_until": {"column": "Bis"},
            }
        ],
    )
    header = HEADER + ";Nd %;Dy %;Zertifikat;Bis"
    content = csv_of(
        row("S-1", Brutto="") + ";;2,5;;", row("S-2") + ";30;x;C-1;01.01.2026", row("S-3") + ";;;C-1;", header=header
    )
    read = read_csv(mapping, content)
    assert read.outcomes == [(2, 2, True), (3, 3, False), (4, 4, False)]
    assert read.places == {(3, "Dy %"), (4, "Bis")}
    line = read_csv(mapping, content.splitlines(keepends=True)[0] + content.splitlines()[1]).events[0]["data"]
    assert "evidence" not in line
    assert "gross_mass" not in line["lines"][0]
    assert line["lines"][0]["commodity"]["contents"] == [{"element": "Dy", "percent": "2.5"}]


def test_a_fault_in_a_list_that_closed_up_is_told_at_its_own_column() -> None:
    mapping = changed(
        DECLARED,
        data__lines__commodity__contents=[
            {"element": {"value": each}, "percent": {"column": f"{each} %"}} for each in ("Nd", "Dy", "Tb")
        ],
    )
    read = read_csv(mapping, csv_of(row("S-1") + ";;5;200", header=HEADER + ";Nd %;Dy %;Tb %"))
    assert read.places == {(2, "Tb %")}


def test_an_id_may_come_from_a_column_and_follows_from_the_content_otherwise() -> None:
    one, other = csv_of(row("S-1"), row("S-2")), csv_of(row("S-2"), row("S-1"))
    ids = [event["id"] for event in read_csv(DECLARED, one).events]
    assert len(set(ids)) == 2
    assert [event["id"] for event in read_csv(DECLARED, other).events] == ids[::-1]
    assert read_csv(DECLARED, csv_of(row("S-1", Netto="1"))).events[0]["id"] not in ids
    mapping = changed(DECLARED, id={"columns": ["Lieferung", "Land"], "between": "-"})
    assert read_csv(mapping, one).events[0]["id"] == "S-1-Deutschland"


def test_a_milestone_needs_few_columns() -> None:
    read = read_csv(CLEARED, b"Shipment,Date\nS-1,2025-05-03T08:00:00+08:00\nS-1,2025-05-04\n")
    assert [(event["data"], event["time"]) for event in read.events] == [
        ({"shipment_id": "S-1"}, "2025-05-03T00:00:00Z"),
        ({"shipment_id": "S-1"}, "2025-05-04T00:00:00Z"),
    ]


def test_a_correction_has_a_reason() -> None:
    mapping = changed(DECLARED, type="trade.shipment.corrected", data__reason={"value": "weighed again"})
    assert read_csv(mapping, csv_of(row("S-1"))).events[0]["data"]["reason"] == "weighed again"


def test_words_defaults_and_what_means_empty_are_the_mappings_own() -> None:
    mapping = changed(
        DECLARED,
        data__end_use={"column": "Empfänger", "words": {"Motor AG": "motors"}},
        data__lines__gross_mass__value={"column": "Brutto", "empty": ["-", "0"]},
        data__lines__gross_mass__unit={"column": "Einheit", "default": "KGM"},
        data__lines__net_mass__unit={"column": "Einheit", "default": "TNE"},
    )
    events = read_csv(mapping, csv_of(row("S-1", Brutto="-"), row("S-2", Einheit="", Netto="1", Brutto="1.500"))).events
    assert events[0]["data"]["end_use"] == "motors"
    assert "gross_mass" not in events[0]["data"]["lines"][0]
    assert events[1]["data"]["lines"][0]["net_mass"] == {"value": "1", "unit": "TNE"}


def test_more_lines_than_a_shipment_may_have_are_refused() -> None:
    read = read_csv(DECLARED, csv_of(*[row("S-1")] * 300, row("S-2")))
    assert read.outcomes == [(2, 301, False), (302, 302, True)]
    assert read.flaws == [(2, None, "at most 200 items, got 201")]


def test_a_shipment_of_more_bytes_than_an_event_may_have_is_not_kept() -> None:
    long = "x" * 60_000
    header = f"{HEADER};Anmerkung"
    content = csv_of(*[f"{row('S-1')};{long}"] * 100, f"{row('S-2')};", header=header)
    read = read_csv(DECLARED, content)
    assert read.outcomes == [(2, 101, False), (102, 102, True)]
    assert read.flaws == [(18, None, "the shipment has more than 1000000 bytes")]


def test_rows_before_a_row_are_left_out_when_an_upload_goes_on() -> None:
    content = csv_of(row("S-1"), row("S-2"), row("S-3"), row("S-3"))
    read = read_csv(DECLARED, content, from_row=4)
    assert read.outcomes == [(4, 5, True)]
    assert read.translator.rows == 2


@pytest.mark.parametrize(
    "rows",
    [
        [row("S-1"), row("S-2"), row("S-3"), row("S-1", Netto="7,0"), row("S-4")],
        [row("S-1"), 'x"y;"broken" z;', row("S-3"), row("S-4")],
        [row("S-1"), row("S-1"), row("S-1"), row("S-2")],
    ],
    ids=["twice", "unread", "parted"],
)
@pytest.mark.parametrize("from_row", [2, 3, 4, 5])
def test_an_upload_that_goes_on_refuses_what_one_without_a_pause_does(rows: list[str], from_row: int) -> None:
    content = csv_of(*rows)
    whole, rest = read_csv(DECLARED, content), read_csv(DECLARED, content, from_row=from_row)
    expected = [each for each in whole.made if each.last >= from_row]
    assert [(each.first, each.item) for each in rest.made] == [(each.first, each.item) for each in expected]


class TestWorkbooks:
    """What only workbooks hold."""

    def test_a_merged_cell_counts_for_all_its_rows(self) -> None:
        rows = [COLUMNS, cells("S-1"), cells(None, Land=None), cells(None, Land=None), cells("S-2")]
        assert line_numbers(read_excel(DECLARED, excel_of(rows, merged=["A2:A4", "D2:D4"])).events) == [[1, 2, 3], [1]]

    def test_words_are_for_merged_cells_too(self) -> None:
        rows = [COLUMNS, cells("S-1", Land="Deutschland"), cells("S-2", Land=None)]
        events = read_excel(DECLARED, excel_of(rows, merged=["D2:D3"])).events
        assert [event["data"]["destination"] for event in events] == ["DE", "DE"]

    @pytest.mark.parametrize("over", [{}, {"words": {"1234.5": "7"}}, {"empty": ["1234.5"]}])
    def test_a_merged_mass_is_not_taken_for_each_row(self, over: dict[str, Any]) -> None:
        rows = [COLUMNS, cells("S-1"), cells("S-1", Netto=None), cells("S-2", Netto=5)]
        mapping = changed(DECLARED, data__lines__net_mass__value={"column": "Netto", **over})
        read = read_excel(mapping, excel_of(rows, merged=["G2:G3"]))
        reason = "'1234.5' is merged with row 2; how much of it is this row's is not told"
        assert (3, "Netto", reason) in read.flaws
        assert read.outcomes == [(2, 3, False), (4, 4, True)]

    def test_cells_merged_side_by_side_say_nothing_of_the_others(self) -> None:
        rows: list[list[Any]] = [["Deliveries", None, None], COLUMNS, cells("S-1", Empfänger="Motor AG", Land=None)]
        read = read_excel(DECLARED, excel_of(rows, merged=["A1:C1", "C3:D3"]))
        assert read.places == {(3, "Land")}

    @pytest.mark.parametrize(
        "over, column",
        [
            ({"Netto": "=1+1"}, "Netto"),
            ({"Netto": "#DIV/0!"}, "Netto"),
            ({"Netto": True}, "Netto"),
            ({"Netto": DAY}, "Netto"),
            ({"Warennummer": 2846901}, "Warennummer"),
            ({"Lieferung": 12345678901234567}, "Lieferung"),
            ({"Empfänger": 1.5}, "Empfänger"),
            ({"Datum": "soon"}, "Datum"),
        ],
    )
    def test_a_cell_that_does_not_hold_what_is_asked_for_is_refused(self, over: dict[str, Any], column: str) -> None:
        read = read_excel(DECLARED, excel_of([COLUMNS, cells("S-1", **over)]))
        assert read.places == {(2, column)}

    def test_a_zero_is_no_empty_cell(self) -> None:
        mapping = changed(DECLARED, data__end_use={"column": "Empfänger"})
        rows = [COLUMNS, cells("S-1", Empfänger="1"), cells("S-1", Empfänger=0)]
        assert read_excel(mapping, excel_of(rows)).places == {(3, "Empfänger")}

    def test_numbers_are_ids_and_codes_by_their_digits(self) -> None:
        event = read_excel(DECLARED, excel_of([COLUMNS, cells(4711, Warennummer=85051110)])).events[0]
        assert (event["data"]["shipment_id"], event["data"]["lines"][0]["commodity"]["hs"]) == ("4711", "85051110")

    def test_empty_rows_and_what_stands_beside_the_table_say_nothing(self) -> None:
        rows: list[list[Any]] = [
            ["Plant 1"],
            [],
            COLUMNS,
            cells("S-1"),
            [],
            [None] * 9,
            [*cells("S-2"), "checked by hand"],
        ]
        read = read_excel(DECLARED, excel_of(rows))
        assert read.outcomes == [(4, 4, True), (7, 7, True)]
