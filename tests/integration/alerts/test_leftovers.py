"""Changes and deletions with many deliveries: a few at once, the others in portions, and nothing goes out meanwhile."""

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerts.background.mover import Mover
from services.alerts.store import claims, leftovers, workers
from services.alerts.store.claims import Room, Times
from shared.database import transaction
from tests.integration.alerts.matched import as_recorded, deliveries, recorded
from tests.integration.alerts.past import insert_past
from tests.integration.alerts.service import Service, lane_changed

OLD, NEW = "http://127.0.0.1:8999/old", "http://127.0.0.1:8999/new"


@pytest.fixture(autouse=True)
def ten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "AT_ONCE", 10)


class Backlog:
    """A subscription with thirty open deliveries."""

    def __init__(self, service: Service, created: dict[str, Any]) -> None:
        self.service, self.id = service, UUID(created["subscription_id"])
        self.path = f"/v1/subscriptions/{self.id}"
        self.engine = service.app.state.engine

    async def change(self, **fields: Any) -> None:
        answer = await self.service.api.patch(self.path, json=fields)
        assert answer.status_code == 200, answer.text

    async def states(self) -> dict[str, int]:
        return dict(Counter(each.state for each in await deliveries(self.engine, self.id)))

    async def claimed(self) -> int:
        """Return how many deliveries a sender would have in hand, and let it go again."""
        worker = uuid4()
        async with transaction(self.engine) as connection:
            await workers.enrol(connection, worker, f"tests {worker}", 60)
            found = await claims.claim(
                connection, worker, Room(500, 500, 500), thirsty=[], in_hand=lambda _: [], times=Times()
            )
            await workers.leave(connection, worker)
        return sum(due.subscription_id == self.id for due in found.deliveries)

    async def finish(self) -> int:
        """Do what is left and return in how many turns."""
        turns = 0
        while await Mover(self.engine).turn():
            turns += 1
        return turns


async def backlog(service: Service, state: str, **more: Any) -> Backlog:
    form = {"name": "n", "url": OLD, "filter": {"commodity_groups": [uuid4().hex]}, **more}
    answer = await service.api.post("/v1/subscriptions", json=form)
    assert answer.status_code == 201, answer.text
    made = Backlog(service, answer.json())
    await insert_past(made.engine, str(made.id), 30, "due")
    if state != "due":
        await service.sql(
            "UPDATE alerts.delivery SET state = :state, due_at = now() + interval '1 h' WHERE subscription_id = :id "
            "RETURNING 1",
            state=state,
            id=made.id,
        )
    await service.sql("UPDATE alerts.queue SET due_at = now() WHERE subscription_id = :id RETURNING 1", id=made.id)
    return made


async def test_what_is_left_of_a_deletion_is_cancelled_afterwards_and_never_sent(api_only: Service) -> None:
    made = await backlog(api_only, "due")
    assert await made.claimed() == 30
    assert (await api_only.api.delete(made.path)).status_code == 204
    assert await made.states() == {"due": 20, "cancelled": 10}
    assert await made.claimed() == 0
    assert await made.finish() == 3
    assert await made.states() == {"cancelled": 30}
    assert await made.claimed() == 0


async def test_a_new_endpoint_gets_all_once_all_is_brought_on(api_only: Service) -> None:
    made = await backlog(api_only, "waiting")
    await made.change(url=NEW)
    assert await made.states() == {"waiting": 20, "due": 10}
    assert await made.claimed() == 0, "none of them before all of them, or their order would be lost"
    await made.change(state="active")
    assert await made.claimed() == 0
    await made.finish()
    assert await made.states() == {"due": 30}
    assert await made.claimed() == 30


async def test_what_was_paused_meanwhile_stays_closed(api_only: Service) -> None:
    made = await backlog(api_only, "waiting")
    await made.change(url=NEW)
    await made.change(state="paused")
    await made.finish()
    assert await made.claimed() == 0
    await made.change(state="active")
    assert await made.claimed() == 30


async def test_steps_are_taken_in_turn_with_what_was_there_when_they_were_made(api_only: Service) -> None:
    made = await backlog(api_only, "due")
    await made.change(url=None)
    await made.change(url=NEW)
    (group,) = (await api_only.get(made.path))["filter"]["commodity_groups"]
    await recorded(made.engine, *as_recorded(lane_changed("DE", group=group)))
    await made.finish()
    assert await made.states() == {"kept": 30, "due": 1}
    assert await made.claimed() == 1


async def test_what_rests_waits_for_the_new_hours_or_for_nothing(api_only: Service) -> None:
    hours = {"from": "22:00", "until": "06:00", "time_zone": "UTC", "breaks_through": None}
    made = await backlog(api_only, "resting", quiet_hours=hours)
    await made.change(quiet_hours=None)
    assert await made.states() == {"resting": 20, "due": 10}
    assert await made.claimed() == 0
    await made.finish()
    assert await made.states() == {"due": 30}
    assert await made.claimed() == 30
