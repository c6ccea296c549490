"""The ledger under any sequence of steps, and the table of a shipment's life."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain import ledger
from services.licensing.domain.ledger import Account, Draw, Entry, OverdrawnError
from services.licensing.domain.licences import TRANSITIONS, Licence, next_state
from services.licensing.domain.shipments import MilestoneRefused, Shipment, advance
from shared.events import ShipmentDeclared

NOON = datetime(2025, 5, 2, 12, tzinfo=UTC)
LATER = datetime(2025, 5, 3, 12, tzinfo=UTC)

steps = st.lists(
    st.tuples(st.sampled_from(["grant", "reserve", "write_off", "give_back", "refund"]), st.integers(1, 50)),
    max_size=60,
)


@given(steps=steps)
def test_entries_sum_to_the_balance_and_nothing_is_overdrawn(steps: list[tuple[str, int]]) -> None:
    account, entries = Account("a"), []
    reserved: list[int] = []
    used: list[int] = []
    for kind, mass in steps:
        if kind == "grant":
            entries.append(ledger.grant(account, mass * 10, "e"))
        elif kind == "reserve":
            try:
                entries.append(ledger.reserve(account, Draw("a", 1, mass), "s", "e"))
                reserved.append(mass)
            except OverdrawnError:
                assert mass > account.granted_mg - account.used_mg
        elif kind in ("write_off", "give_back") and reserved:
            taken = reserved.pop()
            entries.append(getattr(ledger, kind)(account, Draw("a", 1, taken), "s", "e"))
            used += [taken] if kind == "write_off" else []
        elif kind == "refund" and used:
            entries.append(ledger.refund(account, Draw("a", 1, used.pop()), "s", "e"))
        assert account.used_mg <= account.granted_mg + account.excess_mg
    assert (account.reserved_mg, account.written_off_mg) == (sum(reserved), sum(used))
    assert _sums(entries) == (account.granted_mg, account.reserved_mg, account.written_off_mg)
    assert [e.number for e in entries] == list(range(1, len(entries) + 1))


def _sums(entries: list[Entry]) -> tuple[int, int, int]:
    return (
        sum(e.granted_mg for e in entries),
        sum(e.reserved_mg for e in entries),
        sum(e.written_off_mg for e in entries),
    )


def shipment(**over: object) -> Shipment:
    declared = ShipmentDeclared(shipment_id="S", exporter="X", consignee="C", origin="CN", destination="DE", lines=())
    return Shipment(declared, NOON, (), outcome="permitted", **over)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "milestones,progress,reservation",
    [
        (["cleared"], "cleared", "written_off"),
        (["departed", "cleared"], "departed", "written_off"),
        (["delivered", "arrived", "cleared"], "delivered", "written_off"),
        (["cleared", "cleared"], "cleared", "written_off"),
        (["cancelled"], "cancelled", "given_back"),
        (["rejected", "cancelled"], "rejected", "given_back"),
        (["cleared", "rejected"], "rejected", "given_back"),
    ],
)
def test_a_life_in_any_order(milestones: list[str], progress: str, reservation: str) -> None:
    it = shipment(reservation="reserved")
    for milestone in milestones:
        advance(it, milestone, NOON)
    assert (it.progress, it.reservation) == (progress, reservation)


@pytest.mark.parametrize("milestones", [["departed", "cancelled"], ["cancelled", "cleared"], ["rejected", "departed"]])
def test_a_life_that_contradicts_itself_is_refused(milestones: list[str]) -> None:
    it = shipment(reservation="reserved")
    advance(it, milestones[0], NOON)
    with pytest.raises(MilestoneRefused):
        advance(it, milestones[1], NOON)


def test_a_release_that_overtakes_its_hold_is_not_undone() -> None:
    it = shipment()
    advance(it, "released", LATER)
    advance(it, "held", NOON)
    assert it.is_held is False


def test_licence_steps_follow_the_table_only() -> None:
    steps = {step for _, step in TRANSITIONS}
    states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())
    for state in states:
        for step in steps:
            assert next_state(Licence("L", state), step) == TRANSITIONS.get((state, step))
    assert not any(state == "revoked" for state, _ in TRANSITIONS), "revoked is the end"
