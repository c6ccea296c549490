"""What a process takes in hand of what it is handed, and which endpoints it keeps for a while."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.alerts.delivery.hand import Policies
from services.alerts.delivery.hands import LINGERING, Hands
from services.alerts.delivery.sender import Attempt
from services.alerts.domain.breaker import BreakerPolicy, Health
from services.alerts.domain.retries import Answer, RetryPolicy
from services.alerts.domain.share import Share
from services.alerts.store.claims import Claim, Due, Endpoint
from services.alerts.store.handover import Handed, Offer

ID = UUID(int=9)
WORKER = uuid4()
AS_OF = 100.0
"""When a claim, or what is handed over, began."""
OFFER = Offer(WORKER, room=10, window=8, own=(), as_of=AS_OF)
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
    (hand,), doubtful = hands.take_over([handed(1, was_free=True)], OFFER, POLICIES)
    assert (hands[ID], doubtful) == (hand, set())
    assert sequences(hands) == [1]


def test_what_comes_for_an_endpoint_in_hand_is_added(hands: Hands) -> None:
    hands.take_over([handed(1, was_free=True)], OFFER, POLICIES)
    hands.take_over([handed(2)], OFFER, POLICIES)
    assert sequences(hands) == [1, 2]
    assert hands[ID].last_known == 2


def test_what_a_claim_has_brought_before_it_was_handed_over_is_not_sent_twice(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES, AS_OF)
    late = handed(1)
    hands.take_in(Claim([endpoint(1)], late.deliveries), WORKER, POLICIES, AS_OF)
    hands[ID].recorded(late.deliveries[0], OUTCOME)  # type: ignore[arg-type] # it only asks whether its lane is free
    assert hands.take_over([late], OFFER, POLICIES) == ([], set())
    assert sequences(hands) == []


def test_what_was_handed_over_before_a_claim_brought_it_is_not_sent_twice(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES, AS_OF)
    late = handed(1)
    hands.take_over([late], OFFER, POLICIES)
    hands.take_in(Claim([endpoint(1)], late.deliveries), WORKER, POLICIES, AS_OF)
    assert sequences(hands) == [1]
    assert len(hands[ID].take(datetime.now(UTC))) == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_handed_over_while_its_endpoint_is_given_back_is_looked_for(hands: Hands, is_there: bool) -> None:
    if is_there:
        hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES, AS_OF)
        hands[ID].is_closing = True
    assert hands.take_over([handed(1)], OFFER, POLICIES) == ([], {ID})


def test_an_endpoint_that_was_given_back_and_taken_again_begins_anew(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES, AS_OF)
    old = hands[ID]
    old.is_closing = True
    hands.take_over([handed(1, was_free=True)], OFFER, POLICIES)
    hands.let_go([old])
    assert sequences(hands) == [1]


def test_what_began_before_a_change_was_heard_of_is_claimed_anew(hands: Hands) -> None:
    assert hands.outdate(ID, AS_OF + 1) == set()
    taken, changed = hands.take_in(Claim([endpoint(0)], [due(1)]), WORKER, POLICIES, AS_OF)
    assert (taken, changed, sequences(hands)) == ([hands[ID]], {ID}, [])
    assert hands.take_over([handed(2)], OFFER._replace(as_of=AS_OF + 2), POLICIES) == ([], {ID})
    assert sequences(hands) == []
    hands.take_in(Claim([endpoint(2)], [due(1), due(2)]), WORKER, POLICIES, AS_OF + 2)
    assert sequences(hands) == [1, 2]


def test_an_endpoint_that_changed_while_it_was_handed_over_is_claimed_anew(hands: Hands) -> None:
    hands.outdate(None, AS_OF + 1)
    assert hands.take_over([handed(1, was_free=True)], OFFER, POLICIES) == ([], {ID})
    assert hands[ID].take(datetime.now(UTC)) == []


@pytest.mark.parametrize("status", [410, 500, 204])
def test_what_another_url_answers_says_nothing_of_this_one(hands: Hands, status: int) -> None:
    hands.take_in(Claim([endpoint(0)], [due(1)]), WORKER, POLICIES, AS_OF)
    (under_way,) = hands[ID].take(datetime.now(UTC))
    hands.outdate(ID, AS_OF + 1)
    fails = Health(failing_since=datetime.now(UTC))
    hands.take_in(Claim([endpoint(1)._replace(url="http://f/", health=fails)], []), WORKER, POLICIES, AS_OF + 2)
    answer = Attempt(datetime.now(UTC), 1.0, Answer(status=status), None, "http://e/")
    outcome = hands[ID].judge(under_way, answer, datetime.now(UTC), 0.0)
    assert outcome.result == ("accept" if status == 204 else "gone")
    assert (outcome.health, hands[ID].health, hands[ID].is_closing) == (fails, fails, False)


def test_a_well_endpoint_is_kept_for_a_while_and_one_that_fails_is_not(hands: Hands) -> None:
    failing = UUID(int=10)
    its = endpoint(0, failing, Health(failing_since=datetime.now(UTC)))
    hands.take_over([handed(1, was_free=True)], OFFER, POLICIES)
    hands.take_in(Claim([its], []), WORKER, POLICIES, AS_OF)
    hands[ID].recorded(next(iter(hands[ID].window)), OUTCOME)  # type: ignore[arg-type] # as above
    assert [hand.endpoint.subscription_id for hand in hands.idle([])] == [failing]
    hands.linger_s = 0.0
    assert hands[ID] in hands.idle([])


def test_no_endpoint_is_kept_where_many_want_to_be_taken(hands: Hands) -> None:
    for number in range(LINGERING + 1):
        hands.take_in(Claim([endpoint(0, UUID(int=number))], []), WORKER, POLICIES, AS_OF)
        hands[UUID(int=number)].add([])
    assert len(hands.idle([])) == LINGERING + 1


def test_only_endpoints_with_room_are_offered(hands: Hands) -> None:
    full = UUID(int=10)
    hands.take_in(Claim([endpoint(0), endpoint(0, full)], []), WORKER, POLICIES, AS_OF)
    hands[full].add(due(n) for n in range(5))
    offer = hands.offer(WORKER, endpoints=10, window=8)
    assert offer.own == (ID,)
    assert offer.room == 3


def test_an_endpoint_that_takes_an_alert_and_asks_for_a_rest_gets_the_others(hands: Hands) -> None:
    hands.take_in(Claim([endpoint(0)], []), WORKER, POLICIES, AS_OF)
    hands[ID].add([due(1), due(2)])
    answer = Attempt(datetime.now(UTC), 1.0, Answer(status=204, retry_after="60"), None, "http://e/")
    hands[ID].judge(hands[ID].take(datetime.now(UTC))[0], answer, datetime.now(UTC), 0.0)
    assert len(hands[ID].window) == 2, "what is let go of is looked for by nobody"


class OUTCOME:
    """Of an attempt that frees its lane."""

    frees_lane = True


def test_few_endpoints_have_larger_windows_and_all_together_no_more_than_many(hands: Hands) -> None:
    sizes = []
    for number in range(400):
        hands.take_in(Claim([endpoint(0, UUID(int=number))], []), WORKER, POLICIES, 0.0)
        sizes.append(hands.window(64))
    assert sizes[0] == 256
    assert sizes[-1] == 64
    assert max(number * size for number, size in enumerate(sizes, 1)) == 400 * 64
