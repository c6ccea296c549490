"""What a process takes in hand of what it is handed, and which endpoints it keeps for a while."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.alerts.domain.breaker import BreakerPolicy, Health
from services.alerts.domain.retries import Answer, RetryPolicy
from services.alerts.domain.share import Share
from services.alerts.hand import Policies
from services.alerts.hands import LINGERING, Hands
from services.alerts.sender import Attempt
from services.alerts.store.claims import Claim, Due, Endpoint
from services.alerts.store.handover import Handed

ID = UUID(int=9)
WORKER = uuid4()
POLICIES = Policies(RetryPolicy(), BreakerPolicy(), 8)


def endpoint(last_known: int, subscription_id: UUID = ID, health: Health = Health()) -> Endpoint:  # noqa: B008 - frozen
    return Endpoint(subscription_id, "http://e/", "", None, health, last_known=last_known)


def due(sequence: int) -> Due:
    return Due(ID, uuid4(), None, 0, 0, None, None, datetime.now(UTC), "k", b"", sequence=sequence)


def handed(sequence: int, *, was_free: bool = False) -> Handed:
    return Handed(endpoint(sequence), [due(sequence)], was_free)


@pytest.fixture
def hands() -> Hands:
    return Hands(Share(8), linger_s=1e9)


def sequences(hands: Hands) -> list[int | None]:
    return [each.sequence for each in hands[ID].window]


def test_an_endpoint_that_was_free_is_taken(hands: Hands) -> None:
    (hand,), doubtful = hands.take_over([handed(1, was_free=True)], WORKER, POLICIES)
    assert (hands[ID], doubtful) == (hand, set())
    assert sequences(hands) == [1]


def test_what_comes_for_an_endpoint_in_hand_is_added(hands: Hands) -> None:
    hands.take_over([handed(1, was_free=True)], WORKER, POLICIES)
    hands.take_over([handed(2)], WORKER, POLICIES)
    assert sequences(hands) == [1, 2]
    assert hands[ID].last_known == 2


def test_what_a_claim_has_brought_before_it_was_handed_over_is_not_sent_twice(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES)
    late = handed(1)
    hands.take_in(Claim([endpoint(1)], late.deliveries), WORKER, POLICIES)
    hands[ID].recorded(late.deliveries[0], OUTCOME)  # type: ignore[arg-type] # it only asks whether its lane is free
    assert hands.take_over([late], WORKER, POLICIES) == ([], set())
    assert sequences(hands) == []


def test_what_was_handed_over_before_a_claim_brought_it_is_not_sent_twice(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES)
    late = handed(1)
    hands.take_over([late], WORKER, POLICIES)
    hands.take_in(Claim([endpoint(1)], late.deliveries), WORKER, POLICIES)
    assert sequences(hands) == [1]
    assert len(hands[ID].take(datetime.now(UTC))) == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_handed_over_while_its_endpoint_is_given_back_is_looked_for(hands: Hands, is_there: bool) -> None:
    if is_there:
        hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES)
        hands[ID].is_closing = True
    assert hands.take_over([handed(1)], WORKER, POLICIES) == ([], {ID})


def test_an_endpoint_that_was_given_back_and_taken_again_begins_anew(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES)
    old = hands[ID]
    old.is_closing = True
    hands.take_over([handed(1, was_free=True)], WORKER, POLICIES)
    hands.let_go([old])
    assert sequences(hands) == [1]


def test_a_well_endpoint_is_kept_for_a_while_and_one_that_fails_is_not(hands: Hands) -> None:
    failing = UUID(int=10)
    its = endpoint(0, failing, Health(failing_since=datetime.now(UTC)))
    hands.take_over([handed(1, was_free=True)], WORKER, POLICIES)
    hands.take_in(Claim([its], []), WORKER, POLICIES)
    hands[ID].recorded(next(iter(hands[ID].window)), OUTCOME)  # type: ignore[arg-type] # as above
    assert [hand.endpoint.subscription_id for hand in hands.idle([])] == [failing]
    hands.linger_s = 0.0
    assert hands[ID] in hands.idle([])


def test_no_endpoint_is_kept_where_many_want_to_be_taken(hands: Hands) -> None:
    for number in range(LINGERING + 1):
        hands.take_in(Claim([endpoint(0, UUID(int=number))], []), WORKER, POLICIES)
        hands[UUID(int=number)].add([])
    assert len(hands.idle([])) == LINGERING + 1


def test_only_endpoints_with_room_are_offered(hands: Hands) -> None:
    full = UUID(int=10)
    hands.take_in(Claim([endpoint(0), endpoint(0, full)], []), WORKER, POLICIES)
    hands[full].add(due(n) for n in range(5))
    offer = hands.offer(WORKER, endpoints=10, window=8)
    assert offer.own == (ID,)
    assert offer.room == 3


def test_an_endpoint_that_takes_an_alert_and_asks_for_a_rest_gets_the_others(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES)
    hands[ID].add([due(1), due(2)])
    answer = Attempt(datetime.now(UTC), 1.0, Answer(status=204, retry_after="60"), None)
    hands[ID].judge(hands[ID].take(datetime.now(UTC))[0], answer, datetime.now(UTC), 0.0)
    assert len(hands[ID].window) == 2, "what is let go of is looked for by nobody"


class OUTCOME:
    """Of an attempt that frees its lane."""

    frees_lane = True
