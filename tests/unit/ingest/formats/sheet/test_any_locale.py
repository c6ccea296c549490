"""Whatever is declared, and however a sheet writes numbers and dates, the same declarations come back."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tests.support.sheet_reading import read_csv, read_excel
from tests.support.sheets import excel_of


class Locale(NamedTuple):
    """How a sheet is written."""

    decimal: str
    thousands: str
    date: str
    strftime: str
    time_zone: str
    delimiter: str
    encoding: str


LOCALES = (
    Locale(".", ",", "YYYY-MM-DD HH:mm:ss", "%Y-%m-%d %H:%M:%S", "UTC", ",", "utf-8"),
    Locale(",", ".", "DD.MM.YYYY HH:mm:ss", "%d.%m.%Y %H:%M:%S", "Europe/Berlin", ";", "windows-1252"),
    Locale(",", " ", "DD/MM/YYYY HH:mm:ss", "%d/%m/%Y %H:%M:%S", "Europe/Paris", ";", "utf-8-sig"),
    Locale(".", "'", "D.M.YY HH:mm:ss", "%d.%m.%y %H:%M:%S", "Europe/Zurich", "\t", "utf-16"),
    Locale(".", ",", "MM/DD/YYYY hh:mm:ss A", "%m/%d/%Y %I:%M:%S %p", "America/New_York", ",", "utf-8"),
    Locale(".", "", "YYYYMMDD HH:mm:ss", "%Y%m%d %H:%M:%S", "Asia/Shanghai", "|", "gb18030"),
    Locale(".", ",", "DD-MMM-YYYY HH:mm:ss", "%d-%b-%Y %H:%M:%S", "Asia/Kolkata", ",", "utf-8"),
)
COLUMNS = (
    "Id",
    "When",
    "To whom",
    "Where",
    "Code",
    "Elements",
    "Net",
    "Unit",
    "Gross",
    "Worth",
    "Money",
    "Dy %",
    "Licence",
)
# What the encodings above have in common, but for what would be cut off or is one to a spreadsheet.
TEXT = st.text(st.sampled_from("abcXYZ019 ,;|\"'.-/()é"), min_size=1, max_size=12).map(str.strip).filter(bool)
NAMES = TEXT.filter(lambda text: not text.startswith("="))
MASSES = st.decimals(Decimal("0.001"), Decimal(99_999_999), places=3).map(lambda mass: mass.normalize())
AMOUNTS = st.decimals(0, Decimal(99_999_999), places=2)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds
    lambda time: time.replace(microsecond=0)
)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    net = draw(MASSES)
    return {
        "hs": draw(st.sampled_from(["8505", "850511", "28469019", "2805300015"])),
        "elements": draw(st.lists(st.sampled_from(["Nd", "Dy", "Tb", "Sm"]), max_size=3, unique=True)),
        "net": net,
        "gross": draw(st.none() | st.just(net * 2)),
        "worth": draw(st.none() | AMOUNTS),
        "share": draw(st.none() | st.decimals(Decimal("0.01"), 100, places=2)),
        "licence": draw(st.none() | NAMES),
    }


@st.composite
def shipments(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(st.lists(NAMES, min_size=1, max_size=5, unique_by=lambda name: name))
    return [
        {
            "id": each,
            "time": draw(TIMES),
            "consignee": draw(NAMES),
            "to": draw(st.sampled_from(["DE", "JP", "US"])),
            "lines": draw(st.lists(lines(), min_size=1, max_size=4)),
        }
        for each in ids
    ]


def mapping(locale: Locale) -> dict[str, Any]:
    unit = {"column": "Unit"}
    encoding = {"utf-8-sig": "utf-8"}.get(locale.encoding, locale.encoding)
    return {
        "type": "trade.shipment.declared",
        "source": "/erp",
        "time": {"column": "When"},
        "reading": {
            "decimal": locale.decimal,
            "thousands": locale.thousands,
            "dates": [locale.date],
            "time_zone": locale.time_zone,
        },
        "file": {"encoding": encoding},
        "data": {
            "shipment_id": {"column": "Id"},
            "exporter": {"value": "Exporter A"},
            "consignee": {"column": "To whom"},
            "origin": {"value": "CN"},
            "destination": {"column": "Where", "words": {"Deutschland": "DE", "Japan": "JP", "USA": "US"}},
            "lines": {
                "commodity": {
                    "hs": {"column": "Code"},
                    "elements": {"column": "Elements", "separator": "/"},
                    "form": {"value": "magnet"},
                    "contents": [{"element": {"value": "Dy"}, "percent": {"column": "Dy %"}}],
                },
                "net_mass": {"value": {"column": "Net"}, "unit": unit},
                "gross_mass": {"value": {"column": "Gross"}, "unit": unit},
                "value": {"amount": {"column": "Worth"}, "currency": {"column": "Money"}},
                "licence_id": {"column": "Licence"},
            },
        },
    }


def plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(number: Decimal, locale: Locale) -> str:
    whole, _, part = plain(number).partition(".")
    whole = f"{int(whole):,}".replace(",", locale.thousands)
    return f"{whole}{locale.decimal}{part}" if part else whole


def cells(shipment: dict[str, Any], line: dict[str, Any], number: Callable[[Any], Any], when: Any) -> list[Any]:
    where = {"DE": "Deutschland", "JP": "Japan", "US": "USA"}[shipment["to"]]
    worth = line["worth"]
    return [
        *(shipment["id"], when, shipment["consignee"], where, line["hs"], "/".join(line["elements"])),
        *(number(line["net"]), "kg", number(line["gross"]), number(worth), "" if worth is None else "EUR"),
        *(number(line["share"]), line["licence"]),
    ]


def is_told(shipment: dict[str, Any], locale: Locale) -> bool:
    """Whether a clock shows this time once only; of two the first would be taken."""
    zone = ZoneInfo(locale.time_zone)
    shown = shipment["time"].astimezone(zone)
    return bool(shown.fold == 0)


def wanted(shipment: dict[str, Any]) -> dict[str, Any]:
    found = []
    for index, line in enumerate(shipment["lines"]):
        commodity = {"hs": line["hs"], "form": "magnet"}
        commodity |= {"elements": line["elements"]} if line["elements"] else {}
        commodity |= {"contents": [{"element": "Dy", "percent": plain(line["share"])}]} if line["share"] else {}
        one = {"line_no": index + 1, "commodity": commodity, "net_mass": {"value": plain(line["net"]), "unit": "KGM"}}
        one |= {"gross_mass": {"value": plain(line["gross"]), "unit": "KGM"}} if line["gross"] else {}
        one |= {"value": {"amount": plain(line["worth"]), "currency": "EUR"}} if line["worth"] is not None else {}
        one |= {"licence_id": line["licence"]} if line["licence"] else {}
        found.append(one)
    return {
        "shipment_id": shipment["id"],
        "exporter": "Exporter A",
        "consignee": shipment["consignee"],
        "origin": "CN",
        "destination": shipment["to"],
        "lines": found,
    }


@given(shipments(), st.sampled_from(LOCALES), st.integers(1, 300))
def test_declarations_come_back_from_csv(declared: list[dict[str, Any]], locale: Locale, chunk: int) -> None:
    declared = [shipment for shipment in declared if is_told(shipment, locale)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=locale.delimiter)
    writer.writerow(COLUMNS)
    for shipment in declared:
        when = shipment["time"].astimezone(ZoneInfo(locale.time_zone)).strftime(locale.strftime)
        for line in shipment["lines"]:
            writer.writerow(cells(shipment, line, lambda n: "" if n is None else grouped(n, locale), when))
    read = read_csv(mapping(locale), out.getvalue().encode(locale.encoding), chunk=chunk)
    assert [event["data"] for event in read.events] == list(map(wanted, declared))
    assert [datetime.fromisoformat(event["time"]) for event in read.events] == [each["time"] for each in declared]


@given(shipments(), st.sampled_from(LOCALES))
def test_declarations_come_back_from_a_workbook(declared: list[dict[str, Any]], locale: Locale) -> None:
    declared = [shipment for shipment in declared if is_told(shipment, locale)]
    rows: list[list[Any]] = [list(COLUMNS)]
    for shipment in declared:
        when = shipment["time"].astimezone(ZoneInfo(locale.time_zone)).replace(tzinfo=None)
        rows += [cells(shipment, line, lambda n: None if n is None else float(n), when) for line in shipment["lines"]]
    read = read_excel(mapping(locale), excel_of(rows))
    assert [event["data"] for event in read.events] == list(map(wanted, declared))
    for event, shipment in zip(read.events, declared, strict=True):
        assert abs(datetime.fromisoformat(event["time"]) - shipment["time"]) < timedelta(seconds=1)
