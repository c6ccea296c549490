"""Works out what importing a register would do to the licences that are known, licence by licence."""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from services.licensing.domain.licences import Licence, next_state
from services.licensing.importing.comparing import Difference, amended, differences, introduced, shown_value
from services.licensing.importing.register import Opening, Register, RegisterLicence
from shared.events import LicenceAmended, LicenceIssued, LicenceLine, LicenceTerms, LicenceUseBroughtForward
from shared.masses import Mass

What = Literal["new", "amended", "opening", "unchanged", "refused"]
"""`opening`: the terms are known as they are, only an opening balance is brought forward."""
StepData = LicenceIssued | LicenceAmended | LicenceUseBroughtForward


class Known(NamedTuple):
    """A licence that licensing has, and what of it was used."""

    licence: Licence
    brought: Mapping[str, int]
    """By account, what was brought forward and not taken back."""
    units: Mapping[str, str]
    """By account, what it counts in; that never changes."""
    is_drawn: bool
    """Whether shipments have drawn on it."""


class Change(NamedTuple):
    """What the import does with one licence: the data of its events in their order, or why it is refused."""

    licence_id: str
    rows: tuple[int, ...]
    what: What
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    events: tuple[StepData, ...] = ()


class _Refused(Exception):
    """The engine would not take what the register says of a licence."""


class _Step(NamedTuple):
    what: What
    terms: LicenceTerms
    event: LicenceIssued | LicenceAmended | None
    differences: tuple[Difference, ...]


def plan(register: Register, known: Mapping[str, Known]) -> tuple[Change, ...]:
    """Return what becomes of each licence of the register, in its order."""
    return tuple(_change(entry, known.get(entry.terms.licence_id), register.columns) for entry in register.licences)


def _change(entry: RegisterLicence, known: Known | None, columns: frozenset[str]) -> Change:
    licence_id = entry.terms.licence_id
    try:
        step = _step(entry.terms, known, columns)
        openings = tuple(_openings(entry, step.terms, known))
        _check_state(known, step, openings)
        _check_units(known, step.terms)
    except (_Refused, ValueError) as refusal:
        return Change(licence_id, entry.rows, "refused", str(refusal))
    what = "opening" if openings and step.event is None else step.what
    events = (*((step.event,) if step.event else ()), *openings)
    return Change(licence_id, entry.rows, what, "", (*step.differences, *map(_brought, openings)), events)


def _step(told: LicenceIssued, known: Known | None, columns: frozenset[str]) -> _Step:
    """Return the step that the terms take. Raises _Refused, or ValueError where they break the contract."""
    if known is None or known.licence.terms is None:
        return _Step("new", told, told, introduced(told))
    licence, before = known.licence, known.licence.terms
    terms = amended(before, told, columns)
    if next_state(licence, "issued") is not None:
        issued = LicenceIssued(**msgspec.structs.asdict(terms))
        return _Step("new", issued, issued, introduced(issued))
    differs = differences(before, terms)
    if not differs:
        return _Step("unchanged", before, None, ())
    if next_state(licence, "amended") is None:
        names = ", ".join(difference.field for difference in differs)
        raise _Refused(f"the licence is {licence.state} and cannot be amended; the register changes {names}")
    return _Step("amended", terms, terms, differs)


def _check_state(known: Known | None, step: _Step, openings: tuple[LicenceUseBroughtForward, ...]) -> None:
    if openings and known and step.event is None and next_state(known.licence, "amended") is None:
        raise _Refused(f"the licence is {known.licence.state}; nothing can be brought forward to it")


def _check_units(known: Known | None, terms: LicenceTerms) -> None:
    """Raise _Refused for a value in another currency than the line's account was opened in."""
    licence = Licence(terms.licence_id)
    for line in terms.lines if known else ():
        unit = known.units.get(licence.value_account_of(line.line_no)) if known else None
        if line.value and unit and line.value.currency != unit:
            raise _Refused(f"line {line.line_no} is kept in {unit} and cannot change to {line.value.currency}")


def _openings(entry: RegisterLicence, terms: LicenceTerms, known: Known | None) -> Iterator[LicenceUseBroughtForward]:
    """Yield what is to be brought forward; what was brought forward as the register says is not brought again."""
    licence = Licence(terms.licence_id)
    lines = {line.line_no: line for line in terms.lines}
    for opening in entry.openings:
        line, number = lines[opening.line_no], opening.line_no
        mass, value = opening.mass, opening.value
        if mass and not _is_due(opening, licence.account_of(number), mass.mg, _granted_mg(line), known):
            mass = None
        if value and not _is_due(
            opening, licence.value_account_of(number), value.units, _granted(line, opening), known
        ):
            value = None
        if mass or value:
            yield LicenceUseBroughtForward(licence_id=terms.licence_id, line_no=number, mass=mass, value=value)


def _granted_mg(line: LicenceLine) -> int | None:
    return line.mass.mg if line.mass else None


def _granted(line: LicenceLine, opening: Opening) -> int | None:
    if line.value and opening.value and line.value.currency != opening.value.currency:
        raise _Refused(f"{_where(opening)}: used is {opening.value.currency}, granted {line.value.currency}")
    return line.value.units if line.value else None


def _is_due(opening: Opening, account_id: str, told: int, granted: int | None, known: Known | None) -> bool:
    booked = known.brought.get(account_id, 0) if known else 0
    if told == booked:
        return False
    if booked:
        raise _Refused(f"{_where(opening)}: another opening balance was brought forward before")
    if known and known.is_drawn:
        raise _Refused(f"{_where(opening)}: shipments have drawn on the licence; an opening balance comes before them")
    if granted is None:
        raise _Refused(f"{_where(opening)}: the line has no limit of this kind to have been used")
    if told > granted:
        raise _Refused(f"{_where(opening)}: more was used than the line grants")
    return True


def _where(opening: Opening) -> str:
    used = " and ".join(shown_value(used) for used in (opening.mass, opening.value) if used)
    return f"row {opening.row}, line {opening.line_no}, used {used}"


def _brought(event: LicenceUseBroughtForward) -> Difference:
    used: list[Mass | object] = [used for used in (event.mass, event.value) if used is not None]
    return Difference(f"line {event.line_no} used", "", " and ".join(map(shown_value, used)))
