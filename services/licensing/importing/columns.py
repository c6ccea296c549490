"""The columns of a licence register: what each holds, and whether it is said once a licence or on each line."""

from typing import Literal, NamedTuple

from services.licensing.importing.values import (
    Reader,
    decimal_of,
    flag_of,
    hs_digits,
    many,
    moment_of,
    one,
    unit_of,
    whole_of,
)
from shared.events import Country, Currency, Element, Form, HsCode, Id, LicenceKind, Measure


class Column(NamedTuple):
    """A column: `of` the licence's terms, which all its rows share, or of the one line of the row."""

    name: str
    of: Literal["licence", "line"]
    read: Reader
    is_required: bool = False


_COUNTRY = "a country code of two capital letters (ISO 3166-1), e.g. DE"
_ID = "an identifier of 1 to 128 characters"
_FORM = "one of ore, oxide, metal, alloy, compound, target, magnet, other"
_KIND = "one of individual, general, single_use, certificate"
_MEASURE = "one of net, gross, reo, metal"
_HS = "an HS code of 2 to 12 digits"

_ids = many(Id, _ID)

COLUMNS: tuple[Column, ...] = (
    Column("licence_id", "licence", one(Id, _ID), is_required=True),
    Column("kind", "licence", one(LicenceKind, _KIND)),
    Column("authority", "licence", one(Id, _ID), is_required=True),
    Column("batch_id", "licence", one(Id, _ID)),
    Column("exporter", "licence", one(Id, _ID), is_required=True),
    Column("origin", "licence", one(Country, _COUNTRY), is_required=True),
    Column("destinations", "licence", many(Country, _COUNTRY), is_required=True),
    Column("consignees", "licence", _ids),
    Column("end_users", "licence", _ids),
    Column("end_uses", "licence", _ids),
    Column("ports", "licence", _ids),
    Column("bars_re_export", "licence", flag_of),
    Column("needs_evidence", "licence", _ids),
    Column("report_within_days", "licence", whole_of(1, 3660)),
    Column("valid_from", "licence", moment_of, is_required=True),
    Column("valid_until", "licence", moment_of, is_required=True),
    Column("line_no", "line", whole_of(1, 9999), is_required=True),
    Column("hs", "line", many(HsCode, _HS, hs_digits)),
    Column("elements", "line", many(Element, "the symbol of an element, e.g. Dy")),
    Column("forms", "line", many(Form, _FORM)),
    Column("control_codes", "line", _ids),
    Column("mass", "line", decimal_of),
    Column("unit", "line", unit_of),
    Column("measure", "line", one(Measure, _MEASURE)),
    Column("value", "line", decimal_of),
    Column("currency", "line", one(Currency, "the code of a currency (ISO 4217), e.g. EUR")),
    Column("used_mass", "line", decimal_of),
    Column("used_value", "line", decimal_of),
)
BY_NAME = {column.name: column for column in COLUMNS}
GOODS = ("hs", "elements", "forms", "control_codes")
"""At least one of them says what goods a line is about."""
