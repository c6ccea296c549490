"""A licence that is posted, changed or cancelled (lite-api to lite-hmrc: `{"licence": {…}}`)."""

from datetime import datetime, timedelta
from typing import Any

from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.fields import Fields
from services.ingest.domain.formats.usage.lines import Line, lines
from services.ingest.domain.formats.usage.made import Reading
from services.ingest.domain.formats.usage.table import ACTIONS, KINDS, OPEN
from shared.events import LicenceRevoked

AUTHORITY = "ECJU"
"""The Export Control Joint Unit issues the United Kingdom's export licences."""
ORIGIN = "GB"
_TAKEN = frozenset(
    {
        "reference",
        "type",
        "action",
        "start_date",
        "end_date",
        "organisation",
        "end_user",
        "countries",
        "goods",
        "old_id",
        "old_reference",
        "created_at",
    }
)
_OF_A_CANCELLED = frozenset({"reference", "action", "created_at"})
_WHY = {"id": "a licence is known by its reference, which is what a declaration names"}
_NO_PLACE = "has no place in a licence's terms"
_DAY = timedelta(days=1)
_PLACES = {
    "/data/licence_id": "reference",
    "/data/valid_from": "start_date",
    "/data/valid_until": "end_date",
    "/data/exporter": "organisation",
    "/data/destinations": "countries",
    "/data/end_users": "end_user",
    "/data/kind": "type",
    "/data/lines": "goods",
}


def translate_licence(tree: dict[str, object], source: str, authority: str) -> Translation:
    """Return what a message about one licence gives."""
    told = Fields(tree["licence"], "/licence")
    reading = Reading("/licence", source, name=_name(told))
    if told.flaws:
        return reading.translation(told.flaws)
    licence_id, action = told.text("reference"), told.one_of("action", tuple(ACTIONS))
    at = _time(told, action)
    if action == "cancel":
        if licence_id and at:
            data = LicenceRevoked(licence_id=licence_id, reason="cancelled")
            reading.make(_event_id(licence_id, action, at), at, data, _where(told))
        reading.notes += told.left_over(_OF_A_CANCELLED, _WHY, "ends with its licence")
        return reading.translation(told.flaws)
    terms = _terms(told, reading, authority)
    if licence_id and action and at and not told.flaws:  # What is built of parts that are missing is not used.
        _take(told, reading, licence_id, action, at, terms)
    reading.notes += told.left_over(_TAKEN, _WHY, _NO_PLACE)
    return reading.translation(told.flaws)


def _take(
    told: Fields, reading: Reading, licence_id: str, action: str, at: datetime, terms: tuple[dict[str, Any], list[Line]]
) -> None:
    """Make of terms what their action asks for; an update under a new reference ends the licence of the old one."""
    data, given = terms
    places = {**_where(told), **{part: where for line in given for part, where in line.places.items()}}
    old = told.thing.get("old_reference")
    if action == "update" and old != licence_id:
        if (old := told.text("old_reference")) is None:
            return
        ended = LicenceRevoked(licence_id=old, reason=f"replaced by {licence_id}")
        reading.make(_event_id(old, "cancel", at), at, ended, {"/data/licence_id": told.at("old_reference")})
        action = "insert"
    reading.make(_event_id(licence_id, action, at), at, ACTIONS[action](licence_id=licence_id, **data), places)


def _terms(told: Fields, reading: Reading, authority: str) -> tuple[dict[str, Any], list[Line]]:
    """Return the terms of a licence, less its id, and where its lines stand."""
    form = told.one_of("type", tuple(KINDS)) or ""
    starts, ends = told.day("start_date"), told.day("end_date")
    organisation = told.inner("organisation")
    named_by = "eori_number" if organisation.has("eori_number") else "name"
    exporter = organisation.text(named_by)
    reading.notes += organisation.left_over(frozenset({named_by}), {}, _NO_PLACE)
    given = lines(told, reading, is_open=form in OPEN)
    if not given:
        told.flaw("no line is left that grants a mass or a value of goods that can be told from others", "goods")
    terms = {
        "kind": KINDS.get(form, "individual"),
        "authority": authority,
        "exporter": exporter or "",
        "origin": ORIGIN,
        "destinations": tuple(dict.fromkeys(_countries(told))),
        "end_users": _end_users(told, reading),
        "valid_from": starts,
        "valid_until": ends and _after(told, ends),
        "lines": tuple(line.line for line in given),
    }
    if starts and ends and ends < starts:
        told.flaw("is before the first day", "end_date")
    if not terms["destinations"]:
        told.flaw("neither countries nor the country of an end user is named", "countries")
    return terms, given


def _after(told: Fields, last_day: datetime) -> datetime | None:
    """Return the first moment after a licence's last day, on which it may still be used."""
    try:
        return last_day + _DAY
    except OverflowError:
        told.flaw("is too far ahead", "end_date")
        return None


def _countries(told: Fields) -> list[str]:
    named = [country.text("id") for country in told.items("countries")]
    if not named and told.has("end_user"):
        named = [told.inner("end_user").inner("address").inner("country").text("id")]
    return [country.partition("-")[0] for country in named if country]


def _end_users(told: Fields, reading: Reading) -> tuple[str, ...]:
    if not told.has("end_user"):
        return ()
    end_user = told.inner("end_user")
    name = end_user.text("name")
    reading.notes += end_user.left_over(frozenset({"name", "address"}), {}, _NO_PLACE)
    if end_user.has("address"):
        reading.notes += end_user.inner("address").left_over(frozenset({"country"}), {}, _NO_PLACE)
    return (name,) if name else ()


def _time(told: Fields, action: str | None) -> datetime | None:
    """Return when it happened: where a licence is new and nothing else is said, on its first day."""
    if action == "insert" and not told.has("created_at"):
        return told.day("start_date")
    return told.moment("created_at")


def _event_id(licence_id: str, action: str, at: datetime) -> str:
    return f"{licence_id}/{action}" if action == "insert" else f"{licence_id}/{action}/{at.isoformat()}"


def _name(told: Fields) -> str | None:
    name = told.thing.get("reference")
    return name if type(name) is str else None


def _where(told: Fields) -> dict[str, str]:
    return {
        **{part: told.at(field) for part, field in _PLACES.items() if field in told.thing},
        "/id": told.at("reference"),
        "/time": told.at("created_at" if told.has("created_at") else "start_date"),
    }
