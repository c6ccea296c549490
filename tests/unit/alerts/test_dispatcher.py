"""What a dispatcher does with what it claimed, when the moment is unlucky."""

import asyncio
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts.delivery.dispatcher import Dispatcher
from services.alerts.delivery.hand import Policies
from services.alerts.delivery.limits import Limits
from services.alerts.delivery.sender import Attempt, Sender
from services.alerts.domain.breaker import BreakerPolicy, Health
from services.alerts.domain.retries import Answer, RetryPolicy
from services.alerts.store import claims
from services.alerts.store.claims import Claim, Due, Endpoint
from services.alerts.store.handover import Handed, Offer

ENDPOINT = Endpoint(uuid4(), "http://example.org", "whsec_", None)
WORKER = uuid4()
AS_OF = 0.0
"""When claims began."""


def due(lane: str | None = None) -> Due:
    return Due(ENDPOINT.subscription_id, uuid4(), lane, 0, 0, None, None, datetime.now(UTC), "kind", b"{}")


class FakeSender:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.sent: list[UUID] = []

    async def send(self, endpoint: Endpoint, delivery: Due) -> Attempt:
        self.sent.append(delivery.delivery_id)
        return Attempt(datetime.now(UTC), 1.0, Answer(status=204), None, endpoint.url)


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def dispatcher(sender: FakeSender) -> Dispatcher:
    made = Dispatcher(
        cast("AsyncEngine", None),
        cast("Sender", sender),
        Policies(RetryPolicy(), BreakerPolicy(), 8),
        Limits(linger_s=0.0),
        "one",
    )
    made._worker, made._alive_until = WORKER, float("inf")
    return made


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_endpoint_claimed_again_while_it_is_given_back_is_served(
    dispatcher: Dispatcher, sender: FakeSender
) -> None:
    first, second = due(), due()
    dispatcher._take_in(Claim([ENDPOINT], [first]), WORKER, AS_OF)
    await settle()
    (hand,) = dispatcher._hands.values()
    batch: list[Any] = list(dispatcher._answers)
    assert dispatcher._hands.idle(batch) == [hand]
    # The record that gives it back is committed; before that is known here, a claim brings more.
    dispatcher._take_in(Claim([ENDPOINT], [second]), WORKER, AS_OF)
    dispatcher._let_go(batch, [hand])
    await settle()
    assert sender.sent == [first.delivery_id, second.delivery_id]
    assert len(dispatcher._hands) == 1


async def test_nothing_is_sent_after_the_lease_has_run_out(dispatcher: Dispatcher, sender: FakeSender) -> None:
    dispatcher._alive_until = 0.0
    dispatcher._take_in(Claim([ENDPOINT], [due()]), WORKER, AS_OF)
    await settle()
    assert sender.sent == []


async def test_what_comes_after_the_claims_were_lost_is_not_mixed_with_what_came_before(
    dispatcher: Dispatcher, sender: FakeSender
) -> None:
    dispatcher._take_in(Claim([ENDPOINT], [due("lane"), due("lane"), due("lane")]), WORKER, AS_OF)
    dispatcher._hands.forget()
    await settle()
    assert len(sender.sent) == 1, "only what was under way ends"
    assert not dispatcher._hands


async def test_an_endpoint_that_failed_last_gets_one_request_at_a_time(
    dispatcher: Dispatcher, sender: FakeSender
) -> None:
    failing = ENDPOINT._replace(health=Health(failing_since=datetime.now(UTC)))
    dispatcher._take_in(Claim([failing], [due(), due(), due()]), WORKER, AS_OF)
    assert len(dispatcher._sending) == 1


def test_failing_endpoints_leave_room_for_the_others(dispatcher: Dispatcher) -> None:
    dispatcher._stopping.set()
    for _ in range(250):
        failing = ENDPOINT._replace(subscription_id=uuid4(), health=Health(failing_since=datetime.now(UTC)))
        dispatcher._take_in(Claim([failing], []), WORKER, AS_OF)
    room = dispatcher._hands.room(400, 64)
    assert (room.healthy, room.failing) == (200, 0)


async def test_an_endpoint_that_an_answer_closes_while_more_is_claimed_for_it_gets_nothing_more(
    dispatcher: Dispatcher, sender: FakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher._take_in(Claim([ENDPOINT], [due()]), WORKER, AS_OF)
    (hand,) = dispatcher._hands.values()

    async def claim(*_: Any, thirsty: list[UUID], **__: Any) -> Claim:
        assert thirsty == [ENDPOINT.subscription_id]
        hand.close()  # as a failure does, or a Retry-After
        return Claim([ENDPOINT], [due()])

    monkeypatch.setattr(claims, "claim", claim)
    monkeypatch.setattr("services.alerts.delivery.dispatcher.transaction", lambda _: nullcontext())
    await dispatcher._claim()
    await settle()
    assert len(sender.sent) == 1


async def test_a_busy_endpoint_is_signed_for_by_what_the_last_claim_brought(dispatcher: Dispatcher) -> None:
    dispatcher._take_in(Claim([ENDPOINT], [due(), due()]), WORKER, AS_OF)
    rotated = ENDPOINT._replace(signing="another")
    dispatcher._take_in(Claim([rotated], []), WORKER, AS_OF)
    (hand,) = dispatcher._hands.values()
    assert hand.endpoint is rotated


async def test_a_change_that_is_heard_of_before_its_claim_is_in_hand_is_claimed_anew(
    dispatcher: Dispatcher, sender: FakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def claim(*_: Any, **__: Any) -> Claim:
        dispatcher.heard_of(str(ENDPOINT.subscription_id))
        return Claim([ENDPOINT], [due()])

    monkeypatch.setattr(claims, "claim", claim)
    monkeypatch.setattr("services.alerts.delivery.dispatcher.transaction", lambda _: nullcontext())
    await dispatcher._claim()
    await settle()
    assert sender.sent == []
    assert dispatcher._doubts.begin().ids == {ENDPOINT.subscription_id}


@pytest.mark.parametrize("told", [str(ENDPOINT.subscription_id), ""], ids=["its own", "anybody's"])
async def test_what_changes_while_it_is_in_hand_is_claimed_anew(
    dispatcher: Dispatcher, sender: FakeSender, told: str
) -> None:
    dispatcher._take_in(Claim([ENDPOINT], [due("lane"), due("lane")]), WORKER, AS_OF)
    dispatcher.heard_of(told)
    await settle()
    assert len(sender.sent) == 1, "only what was under way ends"
    assert dispatcher._doubts.begin().ids == {ENDPOINT.subscription_id}
    dispatcher._take_in(Claim([ENDPOINT], [due("lane")]), WORKER, time.monotonic())
    await settle()
    assert len(sender.sent) == 2


async def test_an_attempt_that_fails_in_an_unforeseen_way_is_one_that_failed(
    dispatcher: Dispatcher, sender: FakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trip(*_: Any) -> Attempt:
        raise OverflowError

    monkeypatch.setattr(sender, "send", trip)
    dispatcher._take_in(Claim([ENDPOINT], [due("lane")]), WORKER, AS_OF)
    await settle()
    ((hand, _, outcome),) = dispatcher._answers
    assert (outcome.result, hand.window.in_flight) == ("fail", 0)
    assert "unforeseen" in str(outcome.error)


@pytest.mark.parametrize("is_all", [True, False])
async def test_what_is_handed_over_for_an_endpoint_that_is_looked_at_again_is_left_to_that(
    dispatcher: Dispatcher, sender: FakeSender, is_all: bool
) -> None:
    if is_all:
        dispatcher.doubt()
    else:
        dispatcher._doubts.of({ENDPOINT.subscription_id})
    for is_settled in (False, True):
        dispatcher._doubts.begin()
        dispatcher.take(Offer(WORKER, 1, 1, ()), [Handed(ENDPOINT, [due()], was_free=True)])
        await settle()
        assert sender.sent == [], "it may have been freed, and another process sends it"
        if is_settled:
            dispatcher._doubts.settled()
    assert dispatcher._doubts.begin().ids == {ENDPOINT.subscription_id}, "it came while that look was made"
    dispatcher._doubts.settled()
    dispatcher.take(Offer(WORKER, 1, 1, ()), [Handed(ENDPOINT, [due()], was_free=True)])
    await settle()
    assert len(sender.sent) == 1
