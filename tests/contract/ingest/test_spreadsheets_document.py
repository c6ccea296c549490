"""The page about spreadsheets says what the mapping takes, word by word."""

import re
from pathlib import Path
from typing import get_args

import msgspec

from services.ingest.api.sheet_stream import EVENTS_SHOWN
from services.ingest.domain.formats.sheet import date_formats
from services.ingest.domain.formats.sheet.csv_text import DELIMITERS
from services.ingest.domain.formats.sheet.layout import SEARCHED_ROWS
from services.ingest.domain.formats.sheet.mapping import DeclarationMapping, MilestoneMapping, Rows
from services.ingest.domain.formats.sheet.origins import ListOrigin, NumberOrigin, TextOrigin, TimeOrigin
from services.ingest.domain.formats.sheet.reading import ENCODINGS, FileForm
from services.ingest.domain.formats.sheet.values import UNITS
from services.ingest.settings import IngestSettings
from tests.contract.ingest.test_format_documents import rows

PAGE = (Path(__file__).parents[3] / "docs" / "ingest" / "spreadsheets.md").read_text()


def marked(text: str) -> set[str]:
    return set(re.findall("`([^`]+)`", re.sub("^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)))


def fields(*kinds: type[msgspec.Struct]) -> set[str]:
    return {field.name for kind in kinds for field in msgspec.structs.fields(kind)}


def first_column(head: str, *, second: str) -> set[str]:
    return {name for row in rows(PAGE, head, second) for name in marked(row[0])}


def test_every_field_of_a_mapping_is_explained() -> None:
    assert first_column("field", second="holds") == fields(DeclarationMapping, MilestoneMapping)


def test_every_field_of_an_origin_is_explained() -> None:
    names = fields(TextOrigin, ListOrigin, NumberOrigin, TimeOrigin)
    assert first_column("field", second="means") == names - {"between"}
    assert "`between`" in PAGE


def test_every_part_of_a_date_is_explained() -> None:
    assert first_column("part", second="reads") == set(date_formats._PARTS)


def test_every_choice_is_named() -> None:
    by_number = re.compile("windows-125[123]")
    named = marked(PAGE)
    assert {name for name in ENCODINGS if name != "utf-8" and not by_number.fullmatch(name)} <= named
    assert set(get_args(Rows)) | set(UNITS) | fields(FileForm) | {date_formats.ISO, date_formats.EXCEL} <= named
    assert set(DELIMITERS) - {"\t"} <= named


def test_limits_are_those_that_hold() -> None:
    settings = IngestSettings()
    assert f"first {SEARCHED_ROWS} rows" in PAGE
    assert f"first {EVENTS_SHOWN} events" in PAGE
    assert f"at most {settings.ingest_max_workbook_bytes >> 20} MB" in PAGE
    assert f"unpacks to at most {settings.ingest_max_workbook_expanded_bytes >> 20} MB" in PAGE
