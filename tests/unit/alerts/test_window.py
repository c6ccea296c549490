"""What may be sent now: in the lane's order, one of a lane at a time, no more than allowed."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.share import Share
from services.alerts.domain.window import Window


@dataclass(frozen=True)
class Item:
    delivery_id: int
    order_key: str | None
    is_behind: bool = False


def window(*lanes: str | None) -> tuple[Window[Item], list[Item]]:
    items = [Item(number, lane) for number, lane in enumerate(lanes)]
    made: Window[Item] = Window(Share(100))
    made.add(items)
    return made, items


def test_one_of_a_lane_is_under_way_at_a_time() -> None:
    made, (a1, a2, b1, loose, other) = window("a", "a", "b", None, None)
    assert made.take(10) == [a1, b1, loose, other]
    made.answered(a1, frees_lane=True)
    assert made.take(10) == [a2]


def test_no_more_than_allowed_are_under_way() -> None:
    made, (first, second, third) = window("a", "b", "c")
    assert made.take(2) == [first, second]
    assert made.take(2) == []
    made.answered(first, frees_lane=True)
    assert made.take(2) == [third]


def test_one_that_failed_keeps_its_lane_closed_and_lets_go_of_those_behind_it() -> None:
    made, (first, behind, other) = window("a", "a", "b")
    assert made.take(1) == [first]
    made.answered(first, frees_lane=False)
    assert made.take(10) == [other]
    made.recorded(first, frees_lane=False)
    assert list(made) == [other]
    made.add([first, behind])
    assert made.take(10) == [first]


def test_an_accepted_one_is_in_hand_until_it_is_recorded() -> None:
    made, (first,) = window("a")
    made.take(1)
    made.answered(first, frees_lane=True)
    assert list(made) == [first]
    made.recorded(first, frees_lane=True)
    assert len(made) == 0


def test_clearing_keeps_what_is_under_way() -> None:
    made, (first, _, __) = window("a", "a", None)
    made.take(1)
    made.clear()
    assert list(made) == [first]


@given(
    st.lists(st.sampled_from(["a", "b", None]), max_size=12),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_any_course_of_events_keeps_the_lanes_order(lanes: list[str | None], allowance: int, chance: object) -> None:
    made, items = window(*lanes)
    under_way: list[Item] = []
    answered: list[tuple[Item, bool]] = []
    accepted: list[Item] = []
    returned: list[Item] = []
    for _ in range(200):
        started = made.take(allowance)
        under_way += started
        assert len(under_way) <= allowance
        ordered = [item.order_key for item in under_way if item.order_key]
        assert len(ordered) == len(set(ordered))
        if under_way and chance.random() < 0.5:  # type: ignore[attr-defined]
            item = under_way.pop(chance.randrange(len(under_way)))  # type: ignore[attr-defined]
            is_ok = chance.random() < 0.7  # type: ignore[attr-defined]
            made.answered(item, frees_lane=is_ok)
            answered.append((item, is_ok))
            accepted += [item] if is_ok else []
        elif answered:
            item, is_ok = answered.pop(0)
            before = set(made)
            made.recorded(item, frees_lane=is_ok)
            gone = sorted(before - set(made) - {item}, key=lambda i: i.delivery_id)
            returned += gone + ([] if is_ok else [item])
        elif returned:
            made.add(sorted(returned, key=lambda i: i.delivery_id))
            returned = []
    for lane in ("a", "b"):
        numbers = [item.delivery_id for item in accepted if item.order_key == lane]
        assert numbers == sorted(numbers)
    if not (under_way or answered or returned) and len(made) == 0:
        assert {item.delivery_id for item in accepted} == {item.delivery_id for item in items}


def test_what_is_recovered_comes_after_what_is_not_and_takes_half_of_the_places() -> None:
    made: Window[Item] = Window(Share(100))
    old = [Item(number, None, is_behind=True) for number in range(6)]
    new = [Item(number, None) for number in (10, 11)]
    made.add([*old, *new])
    assert made.take(6) == [*new, *old[:3]]
    made.answered(old[0], frees_lane=True)
    assert made.take(6) == [old[3]]


def test_what_is_recovered_is_bounded_over_all_endpoints_and_they_take_turns() -> None:
    share, old = Share(2), [Item(number, None, is_behind=True) for number in range(6)]
    one: Window[Item] = Window(share)
    other: Window[Item] = Window(share)
    one.add(old[:3])
    other.add([*old[3:], Item(10, None)])
    assert one.take(8) == old[:2]
    assert other.take(8) == [Item(10, None)], "first attempts go out all the same"
    assert (one.is_short, other.is_short) == (True, True)
    first, second = UUID(int=1), UUID(int=2)
    for who in (first, second, first):
        share.wait(who)
    assert share.next() is None
    one.answered(old[0], frees_lane=True)
    assert share.next() == first
    assert other.take(8) == [old[3]]
    other.answered(old[3], frees_lane=True)
    assert (share.next(), share.next()) == (second, None)
