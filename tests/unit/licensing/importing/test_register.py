"""A whole file: which licences it holds, and every fault of every row with its place."""

import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from services.licensing.importing import excel_file
from services.licensing.importing.register import Opening, Register, read_register
from services.licensing.importing.tables import MAX_ROWS
from shared.events import LicenceIssued, LicenceLine, Selector
from shared.masses import Mass
from tests.support.licence_strategies import licences
from tests.support.registers import csv_of, excel_of, row, rows_of, workbook_of

SHARED = ("authority", "exporter", "origin", "destinations", "valid_from", "valid_until")


def places(register: Register) -> list[tuple[int | None, str | None, str]]:
    return [(fault.row, fault.column, fault.kind) for fault in register.faults]


def test_rows_of_one_licence_make_one_licence() -> None:
    found = read_register(
        csv_of(
            row(consignees="B-1|B-2", used_mass="100"),
            row(licence_id="L-2"),
            row(line_no="2", hs="", elements="Dy", mass="2.5", unit="t", consignees=""),
        )
    )
    assert found.faults == ()
    first, second = found.licences
    assert (first.rows, second.rows, found.row_count) == ((2, 4), (3,), 3)
    assert first.terms == LicenceIssued(
        licence_id="L-1",
        authority="MOFCOM",
        exporter="X",
        origin="CN",
        destinations=("DE",),
        consignees=("B-1", "B-2"),
        valid_from=datetime(2025, 4, 28, tzinfo=UTC),
        valid_until=datetime(2025, 10, 28, tzinfo=UTC),
        lines=(
            LicenceLine(line_no=1, covers=Selector(hs=("850511",)), mass=Mass(Decimal(1000))),
            LicenceLine(line_no=2, covers=Selector(elements=("Dy",)), mass=Mass(Decimal("2.5"), "TNE")),
        ),
    )
    assert first.openings == (Opening(2, 1, Mass(Decimal(100)), None),)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_csv_is_read_with_either_separator_mark_and_line_end(separator: str, mark: bytes, line_end: bytes) -> None:
    data = csv_of(row(exporter="Grünwald; Söhne, KG"), row(line_no="2"), separator=separator).replace(b"\r\n", line_end)
    found = read_register(mark + data)
    assert places(found) == [(3, "exporter", "contradiction")]
    assert found.faults[0].reason == "row 2 of the same licence says 'Grünwald; Söhne, KG'"


def test_rows_are_counted_as_an_editor_counts_lines() -> None:
    data = csv_of(row(batch_id="B"), row(licence_id="L-2", origin="cn", batch_id=""))
    data = data.replace(b"\r\nL-2", b"\r\n\r\n,,,,,,,,,,,\r\nL-2").replace(b",B\r\n", b',"B\r\n"\r\n')
    assert places(read_register(data)) == [(6, "origin", "unfit")]


def test_every_fault_of_every_row_is_named_at_once() -> None:
    found = read_register(
        csv_of(
            row(origin="China", mass="1,200", unit="lb"),
            row(licence_id="", line_no="x"),
            row(licence_id="L-2", valid_until="2025-01-01", authority=""),
            row(licence_id="L-3", end_users="U-1|U-2", currency="", value="12"),
            row(licence_id="L-4"),
        )
    )
    assert places(found) == [
        (2, "origin", "unfit"),
        (2, "mass", "unfit"),
        (2, "unit", "unfit"),
        (3, "line_no", "unfit"),
        (3, "licence_id", "missing"),
        (4, "authority", "missing"),
        (4, "valid_until", "terms"),
        (5, "currency", "missing"),
        (5, "end_users", "terms"),
    ]
    assert [licence.terms.licence_id for licence in found.licences] == ["L-4"]
    assert found.faults[1].value == "1,200"


@pytest.mark.parametrize(
    "second,place",
    [
        ({"destinations": "DE|CZ"}, (3, "destinations", "contradiction")),
        ({"valid_until": "2025-10-29"}, (3, "valid_until", "contradiction")),
        ({"kind": "general"}, (3, "kind", "contradiction")),
        ({"batch_id": "B-1"}, (3, "batch_id", "contradiction")),
        ({"line_no": "1"}, (3, "line_no", "duplicate")),
    ],
)
def test_rows_of_a_licence_that_disagree_are_named(second: dict[str, str], place: tuple[Any, ...]) -> None:
    found = read_register(csv_of(row(kind="individual", batch_id=""), row(line_no="2") | second))
    assert places(found) == [place]
    assert found.licences == ()


@pytest.mark.parametrize(
    "second", [{"destinations": "CZ|DE"}, {"destinations": ""}, {"valid_until": "2025-10-28T08:00:00+08:00"}]
)
def test_rows_of_a_licence_may_say_the_same_in_other_words_or_not_again(second: dict[str, str]) -> None:
    found = read_register(csv_of(row(destinations="DE|CZ"), row(destinations="DE|CZ", line_no="2") | second))
    assert found.faults == ()
    assert len(found.licences[0].terms.lines) == 2


@pytest.mark.parametrize(
    "over,place",
    [
        ({"mass": "1", "unit": ""}, (2, "unit", "missing")),
        ({"mass": "0.0000001"}, (2, "mass", "unfit")),
        ({"mass": "1000000000001"}, (2, "mass", "unfit")),
        ({"value": "1.23456", "currency": "EUR"}, (2, "value", "unfit")),
        ({"value": "100000000000000", "currency": "EUR"}, (2, "value", "unfit")),
        ({"used_value": "5"}, (2, "currency", "missing")),
        ({"hs": ""}, (2, None, "missing")),
        ({"kind": "certificate"}, (2, "mass", "terms")),
    ],
)
def test_a_line_that_cannot_be_is_named(over: dict[str, str], place: tuple[Any, ...]) -> None:
    assert places(read_register(csv_of(row(**over)))) == [place]


@pytest.mark.parametrize(
    "text,is_fault", [("1.200", True), ("12.345", True), ("0.125", False), ("1.2000", False), ("1200.500", False)]
)
def test_what_may_be_thousands_is_refused_where_decimals_may_be_commas(text: str, is_fault: bool) -> None:
    assert bool(read_register(csv_of(row(mass=text), separator=";")).faults) is is_fault
    assert not read_register(csv_of(row(mass=text), separator=",")).faults


def test_the_header_is_checked_before_rows_are_relied_on() -> None:
    first = {("Licence ID" if name == "licence_id" else name): value for name, value in row().items()}
    found = read_register(csv_of({**first, "ussed_mass": "5", "#note": "any", "origin ": "CN"}))
    assert places(found) == [(1, "ussed_mass", "column"), (1, "origin", "column")]
    assert "is it used_mass?" in found.faults[0].reason
    assert found.licences == ()
    missing = read_register(b"licence_id,authority\nL-1,A\n")
    assert {fault.column for fault in missing.faults} == {
        "exporter",
        "origin",
        "destinations",
        "valid_from",
        "valid_until",
        "line_no",
        None,
    }


@pytest.mark.parametrize(
    "data,reason",
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\n\n", "the file is empty"),
        ("licence_id\nGrün".encode("latin-1"), "not UTF-8 (row 2)"),
        ("licence_id".encode("utf-16"), "UTF-16"),
        (b"a\x00b", "zero bytes"),
        (b'licence_id,kind\n"L-1,x\n', "not readable as CSV"),
        (b"licence_id,kind\nL-1\n", "1 cells and the header 2"),
        (b"licence_id,kind\nL-1,general,,x\n", "4 cells and the header 2; a text with the separator"),
        (b"\xd0\xcf\x11\xe0rest", "old or an encrypted"),
        (b"PK\x03\x04rest", "no readable Excel workbook"),
        (csv_of(row()).splitlines()[0], "no row under the header"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    found = read_register(data)
    assert reason in " / ".join(fault.reason for fault in found.faults)
    assert found.licences == ()


def test_a_row_that_is_torn_has_one_fault_and_leaves_its_licence_out() -> None:
    data = csv_of(row(destinations="DE|CZ"), row(line_no="2", **dict.fromkeys(SHARED, "")), row(licence_id="L-2"))
    found = read_register(data.replace(b"DE|CZ", b"DE, CZ"))
    assert places(found) == [(2, None, "file")]
    assert [licence.terms.licence_id for licence in found.licences] == ["L-2"]


def test_a_cell_without_a_heading_is_named() -> None:
    found = read_register(workbook_of([list(row()), [*row().values(), None, "x"]]))
    assert [(fault.value, fault.reason) for fault in found.faults] == [("x", "cell 13 has no heading")]


def test_a_csv_file_has_no_sheets() -> None:
    assert read_register(csv_of(row()), "Register").faults[0].reason == "a CSV file has no sheets"


def test_more_rows_than_the_limit_are_refused() -> None:
    line = csv_of(row()).splitlines()
    data = b"\n".join([line[0], *[line[1]] * (MAX_ROWS + 1)])
    assert "more than" in read_register(data).faults[-1].reason


def test_a_workbook_gives_typed_cells() -> None:
    cells = row(mass=1200.5, line_no=1, hs=850511, valid_from=date(2025, 4, 28), valid_until=datetime(2025, 10, 28, 8))  # noqa: DTZ001 - as sheets have it
    found = read_register(excel_of(cells))
    assert found.faults == ()
    terms = found.licences[0].terms
    assert terms.lines[0].mass == Mass(Decimal("1200.5"))
    assert (terms.valid_from, terms.valid_until) == (
        datetime(2025, 4, 28, tzinfo=UTC),
        datetime(2025, 10, 28, 8, tzinfo=UTC),
    )
    assert found.licences[0].rows == (2,)


def test_the_sheet_is_the_first_or_the_one_that_is_named() -> None:
    data = excel_of(row(), sheet="Licences", before=("Notes",))
    assert read_register(data, "Licences").faults == ()
    assert read_register(data).faults[0].reason == "the sheet is empty"
    assert read_register(data, "X").faults[0].reason == "there is no sheet 'X'; there is: Notes, Licences"


def test_the_first_sheet_is_the_first_that_is_shown() -> None:
    book = Workbook()
    book.create_sheet("Register").append(list(row()))
    book["Register"].append(list(row().values()))
    book["Sheet"].sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    assert read_register(out.getvalue()).faults == ()


def test_rows_of_a_sheet_are_counted_as_the_sheet_counts_them() -> None:
    data = workbook_of([[], list(row()), [], list(row(origin="cn").values())])
    assert places(read_register(data)) == [(4, "origin", "unfit")]


@pytest.mark.parametrize(
    "cell,reason",
    [("=1/0", "the formula has no result in the file"), ("#DIV/0!", "the cell holds an error")],
)
def test_a_cell_without_a_value_is_not_taken_for_an_empty_one(cell: str, reason: str) -> None:
    found = read_register(excel_of(row(used_mass=cell)))
    assert [fault.column for fault in found.faults] == ["used_mass"]
    assert reason in found.faults[0].reason


def test_a_formula_gives_its_result() -> None:
    data = _rewritten(excel_of(row(mass="=1200+0.5")), b"<f>1200+0.5</f><v></v>", b"<f>1200+0.5</f><v>1200.5</v>")
    data = _rewritten(data, b"<f>1200+0.5</f><v />", b"<f>1200+0.5</f><v>1200.5</v>")
    assert read_register(data).licences[0].terms.lines[0].mass == Mass(Decimal("1200.5"))


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    data = _rewritten(excel_of(row(), row(licence_id="L-2")), b'<dimension ref="A1:K3"', b'<dimension ref="A1:B2"')
    assert len(read_register(data).licences) == 2


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w") as entry:
        for _ in range(excel_file.MAX_UNPACKED_BYTES // 10**6 + 1):
            entry.write(bytes(10**6))
    assert len(out.getvalue()) < 200_000
    assert "unpacked" in read_register(out.getvalue()).faults[0].reason


def test_two_cells_far_apart_cost_neither_memory_nor_time() -> None:
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    found = read_register(_rewritten(excel_of(row()), b"</sheetData>", far))
    assert "beyond row" in found.faults[0].reason
    assert found.licences == ()


def test_a_workbook_as_excel_writes_it_is_read() -> None:
    """Excel keeps text in one table, and 17 digits of a number whose shortest decimal is the one that was typed."""
    data = _with_shared_strings(excel_of(row(mass=1200.1)))
    data = _rewritten(data, b"<v>1200.1</v>", b"<v>1200.0999999999999</v>")
    assert read_register(data).licences[0].terms.lines[0].mass == Mass(Decimal("1200.1"))


def test_entities_do_not_multiply() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 1000 + b'">'
    for one, other in zip("bcdefg", "abcdef", strict=True):
        bomb += f'<!ENTITY {one} "{f"&{other};" * 10}">'.encode()
    strings = "xl/sharedStrings.xml"
    data = _rewritten(_with_shared_strings(excel_of(row())), b"<sst", bomb + b"]><sst", name=strings)
    found = read_register(_rewritten(data, b">L-1<", b">&g;<", name=strings))
    assert found.licences == ()
    assert "no readable Excel workbook" in found.faults[0].reason


def _with_shared_strings(data: bytes) -> bytes:
    """Return the workbook with its text in the table of strings, where Excel keeps it."""
    texts: list[bytes] = []

    def shared(found: re.Match[bytes]) -> bytes:
        texts.append(found[2])
        return b'<c r="%s" t="s"><v>%d</v></c>' % (found[1], len(texts) - 1)

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        parts = {entry.filename: source.read(entry) for entry in source.infolist()}
        inline = rb'<c r="([A-Z0-9]+)" t="inlineStr"><is><t>([^<]*)</t></is></c>'
        name = "xl/worksheets/sheet1.xml"
        parts[name] = re.sub(inline, shared, parts[name])
        assert texts
        items = b"".join(b"<si><t>%s</t></si>" % text for text in texts)
        space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        parts["xl/sharedStrings.xml"] = b'<sst xmlns="%s">%s</sst>' % (space, items)
        kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
        part = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s" /></Types>' % kind
        parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", part)
        for filename, body in parts.items():
            target.writestr(filename, body)
    return out.getvalue()


def _rewritten(data: bytes, old: bytes, new: bytes, name: str = "xl/worksheets/sheet1.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            body = source.read(entry)
            target.writestr(entry.filename, body.replace(old, new) if entry.filename == name else body)
    return out.getvalue()


registers = st.lists(licences(), min_size=1, max_size=4, unique_by=lambda pair: pair[0].licence_id)
round_trip = settings(suppress_health_check=[HealthCheck.too_slow])


@round_trip
@given(registers, st.booleans(), st.sampled_from([",", ";"]))
def test_what_is_written_to_csv_is_read_back(written: Any, is_sparse: bool, separator: str) -> None:
    rows = [one for terms, used in written for one in rows_of(terms, used, is_sparse=is_sparse)]
    if separator == ";":
        rows = [{name: _unambiguous(name, value) for name, value in one.items()} for one in rows]
    _assert_same(read_register(csv_of(*rows, separator=separator)), written)


@round_trip
@given(registers, st.booleans())
def test_what_is_written_to_excel_is_read_back(written: Any, is_sparse: bool) -> None:
    rows = [one for terms, used in written for one in rows_of(terms, used, is_sparse=is_sparse)]
    _assert_same(read_register(excel_of(*rows)), written)


def _unambiguous(name: str, value: str) -> str:
    is_number = name in ("mass", "value", "used_mass", "used_value")
    return f"{value}0" if is_number and "." in value and name in ("mass", "used_mass") else value


def _assert_same(found: Register, written: list[tuple[LicenceIssued, tuple[Opening, ...]]]) -> None:
    assert found.faults == ()
    assert [licence.terms for licence in found.licences] == [terms for terms, _ in written]
    openings = [tuple(opening._replace(row=0) for opening in licence.openings) for licence in found.licences]
    assert openings == [used for _, used in written]
