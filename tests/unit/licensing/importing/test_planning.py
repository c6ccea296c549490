"""What an import does to what is known: any register, told again, changes nothing, and its events can be read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.licences import Licence, LicenceState
from services.licensing.importing.comparing import amended, differences
from services.licensing.importing.events import MAX_DATA_BYTES, SOURCE, content_hash, events_of, refuse_too_large
from services.licensing.importing.planning import Change, Known, plan
from services.licensing.importing.register import Opening, Register, RegisterLicence, read_register
from shared import cloudevents
from shared.cloudevents import entity_key, read_trade_event
from shared.events import LicenceIssued, LicenceUseBroughtForward, Selector
from shared.masses import Mass
from tests.support.licence_strategies import licences
from tests.support.registers import NAMES, csv_of, row

AT = datetime(2025, 5, 1, tzinfo=UTC)
Told = tuple[LicenceIssued, tuple[Opening, ...]]
registers = st.lists(licences(), min_size=1, max_size=3, unique_by=lambda pair: pair[0].licence_id)


def register_of(told: Sequence[Told], columns: Sequence[str] = NAMES) -> Register:
    entries = tuple(RegisterLicence((n,), terms, used) for n, (terms, used) in enumerate(told, start=2))
    return Register(entries, (), frozenset(columns), len(told))


def known_of(told: Told, state: LicenceState = "active", *, is_drawn: bool = False) -> Known:
    """Return what licensing knows once it has booked the licence and its opening balances."""
    terms, openings = told
    licence = Licence(terms.licence_id, state, AT, terms)
    brought = {licence.account_of(o.line_no): o.mass.mg for o in openings if o.mass}
    brought |= {licence.value_account_of(o.line_no): o.value.units for o in openings if o.value}
    return Known(licence, brought, {name: unit for name, (unit, _) in licence.grants().items()}, is_drawn)


@given(registers, st.booleans())
def test_a_register_that_is_known_changes_nothing(told: list[Told], is_drawn: bool) -> None:
    known = {terms.licence_id: known_of((terms, used), is_drawn=is_drawn) for terms, used in told}
    assert {change.what for change in plan(register_of(told), known)} == {"unchanged"}


@given(registers)
def test_events_of_new_licences_say_what_the_register_says_and_can_be_read(told: list[Told]) -> None:
    changes = plan(register_of(told), {})
    events = events_of(changes, "c" * 64, 0, AT)
    assert len({event.id for event in events}) == len(events)
    issued, used = [], []
    for event in events:
        again = read_trade_event(cloudevents.write(event))
        assert again == event
        assert entity_key(event) == f"licence:{event.data.licence_id}"  # type: ignore[union-attr] # all are of licences
        if isinstance(event.data, LicenceIssued):
            issued.append(event.data)
        elif isinstance(event.data, LicenceUseBroughtForward):
            used.append((event.data.licence_id, event.data.line_no, event.data.mass, event.data.value))
    assert issued == [terms for terms, _ in told]
    wanted = [(terms.licence_id, o.line_no, o.mass, o.value) for terms, openings in told for o in openings]
    assert {one[:2] for one in used} <= {one[:2] for one in wanted}
    assert sum(m.mg for *_, m, _ in used if m) == sum(m.mg for *_, m, _ in wanted if m)
    assert sum(v.units for *_, v in used if v) == sum(v.units for *_, v in wanted if v)


@given(licences(), licences(), st.sets(st.sampled_from(NAMES)))
def test_an_amendment_has_what_the_file_says_and_keeps_what_it_has_no_column_for(
    before: Told, after: Told, columns: set[str]
) -> None:
    try:
        terms = amended(before[0], after[0], frozenset(columns))
    except ValueError:
        return  # The mixture breaks the contract, which the plan turns into a refusal.
    for name in ("destinations", "consignees", "valid_until", "bars_re_export", "kind"):
        assert getattr(terms, name) == getattr((after if name in columns else before)[0], name)
    named = {difference.field for difference in differences(before[0], terms)}
    assert named.isdisjoint(set(NAMES) - columns)


def test_ids_follow_from_content_row_and_round() -> None:
    data = csv_of(row(used_mass="5"), row(licence_id="L-2"))
    changes = plan(read_register(data), {})
    content = content_hash(data, None)
    ids = [event.id for event in events_of(changes, content, 0, AT)]
    assert ids == [f"{content[:32]}.0.{end}" for end in ("2.issued", "2.use_brought_forward.1", "3.issued")]
    assert ids == [event.id for event in events_of(changes, content, 0, datetime(2026, 1, 1, tzinfo=UTC))]
    assert not set(ids) & {event.id for event in events_of(changes, content, 1, AT)}
    assert len({content, content_hash(data, "A"), content_hash(data + b"\n", None)}) == 3
    assert {event.source for event in events_of(changes, content, 0, AT)} == {SOURCE}


def test_a_licence_that_no_event_can_hold_is_refused() -> None:
    data = read_register(csv_of(row())).licences[0].terms
    line = data.lines[0]
    codes = tuple(f"{n:0128}" for n in range(MAX_DATA_BYTES // 128))
    large = LicenceIssued(
        licence_id="L-1",
        authority="A",
        exporter="X",
        origin="CN",
        destinations=("DE",),
        valid_from=data.valid_from,
        valid_until=data.valid_until,
        lines=(type(line)(line_no=1, covers=Selector(control_codes=codes), mass=Mass(Decimal(1))),),
    )
    fits, refused = (refuse_too_large(Change("L-1", (2,), "new", events=(terms,))) for terms in (data, large))
    assert (fits.what, refused.what, refused.events) == ("new", "refused", ())


@pytest.mark.parametrize(
    "state,over,what",
    [
        ("awaited", {}, "new"),
        ("applied", {}, "new"),
        ("applied", {"mass": "2"}, "new"),
        ("issued", {"mass": "2"}, "amended"),
        ("active", {"mass": "2"}, "amended"),
        ("suspended", {"mass": "2"}, "amended"),
        ("exhausted", {"mass": "2"}, "amended"),
        ("expired", {"mass": "2"}, "amended"),
        ("expired", {"used_mass": "2"}, "opening"),
        ("surrendered", {"mass": "2"}, "refused"),
        ("revoked", {"used_mass": "2"}, "refused"),
        ("revoked", {}, "unchanged"),
    ],
)
def test_what_is_done_follows_the_state_of_the_licence(state: LicenceState, over: dict[str, Any], what: str) -> None:
    before = read_register(csv_of(row())).licences[0].terms
    known = known_of((before, ()), state)
    if state == "awaited":
        known = Known(Licence("L-1"), {}, {}, is_drawn=False)
    (change,) = plan(read_register(csv_of(row(**over))), {"L-1": known})
    assert change.what == what
    assert bool(change.events) is (what not in ("unchanged", "refused"))
    assert bool(change.reason) is (what == "refused")
