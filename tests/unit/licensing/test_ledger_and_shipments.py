"""The ledger under any sequence of steps, and the table of a shipment's life."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain import ledger
from services.licensing.domain.ledger import Account, Cause, Draw, Entry, OverdrawnError
from services.licensing.domain.licences import TRANSITIONS, Licence, next_state
from services.licensing.domain.shipments import MilestoneRefused, Shipment, advance, reservation_for
from shared.events import ShipmentDeclared

NOON = datetime(2025, 5, 2, 12, tzinfo=UTC)
LATER = datetime(2025, 5, 3, 12, tzinfo=UTC)
CAUSE = Cause("e", "s", 1)

steps = st.lists(
    st.tuples(
        st.sampled_from(["grant", "reserve", "write_off", "give_back", "refund", "unclear", "brought_forward"]),
        st.integers(1, 50),
        st.sampled_from([0, 0, 5]),
    ),
    max_size=60,
)


@given(steps=steps)
def test_entries_sum_to_the_balance_and_nothing_is_overdrawn(steps: list[tuple[Any, int, int]]) -> None:
    account, entries = Account("a"), []
    granted = reserved = used = 0
    for kind, amount, beyond in steps:
        if kind == "grant":
            granted = amount * 10
            entries.append(ledger.grant(account, granted, CAUSE))
            continue
        moved = {
            "reserve": (amount <= granted - reserved - used + beyond, amount, 0),
            "brought_forward": (amount <= granted - reserved - used + beyond, 0, amount),
            "write_off": (amount <= reserved, -amount, amount),
            "give_back": (amount <= reserved, -amount, 0),
            "refund": (amount <= used, 0, -amount),
            "unclear": (amount <= used, amount, -amount),
        }[kind]
        if moved[0]:
            entries.append(ledger.post(account, kind, amount, CAUSE, beyond))
            reserved, used = reserved + moved[1], used + moved[2]
        else:
            with pytest.raises(OverdrawnError):
                ledger.post(account, kind, amount, CAUSE, beyond)
        assert account.used <= account.granted + account.excess
    assert (account.granted, account.reserved, account.written_off) == (granted, reserved, used)
    assert _sums(entries) == (granted, reserved, used)
    assert [e.number for e in entries] == list(range(1, len(entries) + 1))
    assert not entries or entries[-1].free_after == granted - reserved - used


def _sums(entries: list[Entry]) -> tuple[int, int, int]:
    return (sum(e.granted for e in entries), sum(e.reserved for e in entries), sum(e.written_off for e in entries))


@given(
    was=st.tuples(st.integers(1, 9), st.sampled_from(["none", "reserved", "written_off", "given_back"])),
    will=st.tuples(st.integers(1, 9), st.sampled_from(["none", "reserved", "written_off", "given_back"])),
)
def test_steps_lead_from_any_position_to_any_other(was: tuple[int, str], will: tuple[int, str]) -> None:
    account = Account("a", granted=20)
    account.reserved = was[0] if was[1] == "reserved" else 0
    account.written_off = was[0] if was[1] == "written_off" else 0
    for kind, amount in ledger.steps(Draw("a", 1, was[0]), was[1], Draw("a", 1, will[0]), will[1]):
        ledger.post(account, kind, amount, CAUSE)
    assert account.reserved == (will[0] if will[1] == "reserved" else 0)
    assert account.written_off == (will[0] if will[1] == "written_off" else 0)


@given(parts=st.lists(st.text("a:%3A25", min_size=1, max_size=6), min_size=1, max_size=4))
def test_an_account_tells_what_it_was_named_after(parts: list[str]) -> None:
    assert ledger.account_parts(ledger.account_name(*parts)) == tuple(parts)


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
    assert (it.progress, reservation_for(it, has_draws=True)) == (progress, reservation)


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
    assert not any(state in ("revoked", "surrendered") for state, _ in TRANSITIONS), "these are the end"
