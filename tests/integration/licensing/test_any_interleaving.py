"""The small world's events on the real database, cut into batches anywhere: the reference agrees after every batch."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.cloudevents import Event, write
from tests.integration.licensing.conftest import Desk
from tests.model.checks import check_agreement, check_ledger
from tests.model.engine import Entry, Snapshot, WholeBookEngine, outcome_of
from tests.model.machine import Interleaving
from tests.model.reference import Reference

STEPS = 120
RUNS = 6


def histories(first_seed: int) -> list[list[Event[Any]]]:
    """Return what the machine delivers in some runs."""
    found: list[list[Event[Any]]] = []

    class Recorded(Interleaving):
        make_engine = WholeBookEngine
        parking_days = WholeBookEngine().book.policy.parking_days

        def teardown(self) -> None:
            found.append(self.delivered)

    chosen = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(first_seed)(Recorded), settings=chosen)
    return found


async def snapshot(desk: Desk) -> Snapshot:
    """Read the books that the service keeps."""
    accounts = await desk.sql("SELECT account_id, granted, reserved, written_off FROM licensing.account")
    entries = await desk.sql("SELECT * FROM licensing.ledger_entry ORDER BY account_id, number")
    shipments = await desk.sql("SELECT shipment_id, outcome, progress FROM licensing.shipment")
    licences = await desk.sql("SELECT licence_id, state FROM licensing.licence WHERE state <> 'awaited'")
    moved = [(r, (r.granted, r.reserved, r.written_off)) for r in entries]
    return Snapshot(
        conflicts=(await desk.audit())["dead_letters_without_event"],
        sums={r.account_id: (r.granted, r.reserved, r.written_off) for r in accounts},
        ledger=[Entry(r.account_id, r.number, r.kind, sums) for r, sums in moved],
        outcomes={r.shipment_id: outcome_of(r.outcome, r.progress) for r in shipments},
        statuses={f"{r.source} {r.id}": r.status for r in await desk.sql("SELECT * FROM licensing.event")},
        states={r.licence_id: r.state for r in licences},
    )


@pytest.mark.parametrize("first_seed", [1, 2, 3, 4])
async def test_books_on_postgresql_agree_with_the_reference_however_events_are_batched(
    desk: Desk, first_seed: int
) -> None:
    events = max(histories(first_seed), key=len)
    reference = Reference(desk.handler.policy.parking_days)
    cuts = random.Random(first_seed)  # noqa: S311 - where to cut, not a secret
    while events:
        size = cuts.randint(1, 12)
        batch, events = events[:size], events[size:]
        for event in batch:
            reference.apply(event)
        await desk.feed(*(write(event) for event in batch))
        books = await snapshot(desk)
        check_ledger(books)
        check_agreement(books, reference)
