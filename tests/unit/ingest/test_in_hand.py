"""What is in hand is bounded, and given back whatever happens."""

import pytest

from services.ingest.api.in_hand import BusyError, InHand


def test_requests_over_the_limit_are_refused_until_one_ends() -> None:
    in_hand = InHand(max_requests=2, max_bytes=10)
    with in_hand.share():
        with in_hand.share(), pytest.raises(BusyError), in_hand.share():
            pass
        with in_hand.share():
            assert in_hand.requests == 2
    assert in_hand.requests == 0


def test_bytes_over_the_limit_are_refused_and_given_back() -> None:
    in_hand = InHand(max_requests=9, max_bytes=10)
    with in_hand.share() as first:
        first.take(6)
        with in_hand.share() as second:
            second.take(4)
            with pytest.raises(BusyError):
                second.take(1)
            assert in_hand.size == 10
        assert in_hand.size == 6
    assert in_hand.size == 0


def test_share_is_given_back_after_an_error() -> None:
    in_hand = InHand(max_requests=1, max_bytes=10)
    with pytest.raises(BusyError), in_hand.share() as share:
        share.take(11)
    assert (in_hand.requests, in_hand.size) == (0, 0)
