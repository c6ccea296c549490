"""What is due next, of all that happens by itself."""

from datetime import UTC, datetime

from services.licensing.store.due import next_due
from tests.integration.licensing.conftest import Desk
from tests.support.trade import declared, licence, quota, regime, tick


async def after(desk: Desk, moment: str) -> str | None:
    found = await desk.ask(next_due, datetime.fromisoformat(moment))
    return None if found is None else found.astimezone(UTC).date().isoformat()


async def test_nothing_is_due_in_empty_books(desk: Desk) -> None:
    assert await after(desk, "2025-01-01T00:00:00Z") is None


async def test_what_begins_ends_opens_or_has_waited_long_enough_is_due_in_its_order(desk: Desk) -> None:
    tranche = {"tranche_id": "T2", "amount": {"value": "1", "unit": "TNE"}, "opens_at": "2025-07-01T00:00:00Z"}
    await desk.feed(
        regime(time="2025-04-04T00:00:00Z", effective_until="2025-11-01T00:00:00Z"),
        quota(tranches=[tranche]),
        licence("L-early", valid_from="2025-05-20T00:00:00Z"),
        tick("2025-05-01T00:00:00Z"),
        declared("S-waits", licence_id="L-unknown", time="2025-05-02T00:00:00Z"),
    )
    (row,) = await desk.sql("SELECT deadline FROM licensing.event WHERE status = 'parked'")
    found, moment = [], "2025-05-01T00:00:00Z"
    while (day := await after(desk, moment)) is not None:
        found.append(day)
        moment = f"{day}T00:00:00Z"
    expected = {"2025-05-20", "2025-07-01", "2025-10-28", "2025-11-01", "2026-01-01", row.deadline.date().isoformat()}
    assert found == sorted(expected)


async def test_what_an_ended_licence_would_have_done_is_not_due(desk: Desk) -> None:
    await desk.feed(licence("L-1"), tick("2025-11-01T00:00:00Z"))
    assert await after(desk, "2025-05-01T00:00:00Z") is None
