"""CSV as programs write it: encodings, delimiters, quotes, line ends; however the bytes arrive."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.formats.sheet.csv_text import ROW_BYTES, CsvText
from tests.support.sheet_reading import mapping_of, read_csv
from tests.support.sheets import CLEARED, changed

NAMED = changed(CLEARED, time={"value": "2025-05-02T00:00:00Z"}, data__reason={"column": "Grund", "is_optional": True})
HEAD = "Shipment;Grund"


def cells(text: bytes, chunk: int = 1 << 20, **form: Any) -> list[list[Any]]:
    """Return the cells of all rows but the header."""
    reader = CsvText(mapping_of(changed(NAMED, file=form)))
    rows = [row for start in range(0, len(text), chunk) for row in reader.feed(text[start : start + chunk])]
    rows += reader.finish()
    assert reader.fault is None
    assert not any(row.flaw for row in rows)
    return [list(row.cells) for row in rows if row.says_anything][1:]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "text, expected",
    [
        ("Shipment;Grund\nS-1;a\n", [["S-1", "a"]]),
        ("Shipment;Grund\r\nS-1;a\r\n", [["S-1", "a"]]),
        ("Shipment;Grund\rS-1;a\rS-2;b", [["S-1", "a"], ["S-2", "b"]]),
        ("Shipment;Grund\nS-1;a", [["S-1", "a"]]),
        ("Shipment,Grund\nS-1,a;b\n", [["S-1", "a;b"]]),
        ("Shipment\tGrund\nS-1\ta,b\n", [["S-1", "a,b"]]),
        ("Shipment|Grund\nS-1|a\n", [["S-1", "a"]]),
        ('Shipment;Grund\nS-1;"a;b"\n', [["S-1", "a;b"]]),
        ('Shipment;Grund\nS-1;"a ""b"" c"\n', [["S-1", 'a "b" c']]),
        ('Shipment;Grund\nS-1;"a\nb\n\nc"\nS-2;d\n', [["S-1", "a\nb\n\nc"], ["S-2", "d"]]),
        ('Shipment;Grund\n"S-1";5" pipe\nS-2;x\n', [["S-1", '5" pipe'], ["S-2", "x"]]),
        ('Shipment;Grund\n"S-1";""\n', [["S-1", None]]),
        ('Shipment;Grund\n"S-1";"""x"""\n', [["S-1", '"x"']]),
        ("Shipment;Grund\n\n;;\n  ; \nS-1; a \n", [["S-1", "a"]]),
        ('Shipment;Grund\n="00123";a\n', [["00123", "a"]]),
    ],
)
def test_rows_are_read_however_the_bytes_arrive(text: str, expected: list[Any], chunk: int) -> None:
    assert cells(text.encode(), chunk) == expected


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize(
    "encoding, said",
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "windows-1252"),  # the mark counts
        ("utf-16", None),
        ("utf-16-le", "utf-16"),
        ("windows-1252", "windows-1252"),
        ("iso-8859-15", "iso-8859-15"),
        ("gb18030", "gb18030"),
    ],
)
def test_an_encoding_is_told_by_its_mark_or_by_the_mapping(encoding: str, said: str | None, chunk: int) -> None:
    text = 'Shipment;Grund\nS-1;"Größe; é"\n'.encode(encoding)
    assert cells(text, chunk, encoding=said) == [["S-1", "Größe; é"]]


def test_a_character_whose_bytes_look_like_a_delimiter_is_no_delimiter() -> None:
    text = "Shipment|Grund\nS-1|" + bytes([0x81, 0x7C]).decode("gb18030")
    assert bytes([0x7C]) in text.encode("gb18030")[-1:]
    assert cells(text.encode("gb18030"), encoding="gb18030") == [["S-1", text[-1]]]


def test_excels_own_line_says_the_delimiter() -> None:
    assert cells(b"sep=|\nShipment|Grund\nS-1|a,b;c\n")[1:] == [["S-1", "a,b;c"]]


def test_bytes_of_another_encoding_refuse_their_row_alone() -> None:
    read = read_csv(NAMED, b"Shipment;Grund\nS-1;a\nS-2;Gr\xf6\xdfe\nS-3;c\n")
    assert read.outcomes == [(2, 2, True), (3, 3, False), (4, 4, True)]
    assert read.flaws == [(3, None, "byte 0xF6 is no UTF-8; the mapping's file.encoding says what it is")]


def test_a_header_of_another_encoding_says_so() -> None:
    read = read_csv(changed(NAMED, data__reason={"column": "Größe"}), "Shipment;Größe\nS-1;a".encode("windows-1252"))
    assert read.flaws[0][2].startswith("byte 0xF6 is no UTF-8")


@pytest.mark.parametrize("bad", ['S-2;"a" b', 'S-2;"a"b"', '"S-2;a', "S-2;a;b"])
def test_a_row_that_is_no_csv_is_refused_and_the_others_are_not(bad: str) -> None:
    is_open = bad.startswith('"')
    read = read_csv(NAMED, f"{HEAD}\nS-1;a\n{bad}\n{'' if is_open else 'S-3;c'}".encode())
    assert read.outcomes == [(2, 2, True), (3, 3, False)] + ([] if is_open else [(4, 4, True)])


def test_a_quote_that_is_never_closed_stops_at_its_row() -> None:
    lines = "".join(f"S-{n};x\n" for n in range(ROW_BYTES // 4))
    read = read_csv(NAMED, f'{HEAD}\nS-1;a\nS-2;"b\n{lines}'.encode(), chunk=65536)
    assert read.outcomes == [(2, 2, True)]
    assert [(row, "a quote may not be closed" in detail) for row, _, detail in read.flaws] == [(3, True)]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"PK\x03\x04rest", "this is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "a workbook of an old Excel"),
        (b"Shipment;Grund\nS-1;\0", "holds zero bytes"),
        (b"", "the file is empty"),
        (b"\xff\xfeS\x00\x00", "not UTF-16"),
    ],
)
def test_what_is_no_csv_is_told(content: bytes, reason: str) -> None:
    read = read_csv(NAMED, content)
    assert read.made == []
    assert reason in str(read.flaws)


@given(st.binary(max_size=400), st.integers(1, 50), st.sampled_from([None, "utf-8", "utf-16", "gb18030", "shift_jis"]))
def test_any_bytes_are_read_alike_in_any_pieces(content: bytes, chunk: int, encoding: str | None) -> None:
    mapping = changed(NAMED, file={"encoding": encoding} if encoding else {})
    whole, parts = read_csv(mapping, content), read_csv(mapping, content, chunk=chunk)
    assert (whole.outcomes, whole.flaws) == (parts.outcomes, parts.flaws)


@given(st.text(st.sampled_from('S-1;"\n\r,ab '), max_size=60), st.integers(1, 9))
def test_any_quotes_are_read_alike_in_any_pieces(text: str, chunk: int) -> None:
    content = f"{HEAD}\n{text}".encode()
    whole, parts = read_csv(NAMED, content), read_csv(NAMED, content, chunk=chunk)
    assert (whole.made, whole.flaws) == (parts.made, parts.flaws)
