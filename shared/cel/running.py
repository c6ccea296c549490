"""What translated conditions call while they run: checked arithmetic, and the logic that takes in errors.

In CEL `false && e` and `e && false` are false whatever `e` is, an error too; `true || e` is true likewise
(langdef.md, "Logical Operators"). `exists` and `all` follow from that.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.cel.faults import RuleFailed
from shared.cel.literals import LEAST, MOST

T = TypeVar("T")
U = TypeVar("U")
_LONGEST = timedelta(microseconds=MOST // 1000)
"""As many nanoseconds as 64 bits count: 292 years."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def too_great() -> int:
    """Raise RuleFailed for a number that needs more than 64 bits."""
    raise RuleFailed("a number beyond 64 bits")


def divided(left: int, right: int) -> int:
    """Return the quotient, cut towards zero. Raises RuleFailed."""
    if right == 0:
        raise RuleFailed("division by zero")
    quotient = abs(left) // abs(right)
    found = quotient if (left < 0) == (right < 0) else -quotient
    return found if found <= MOST else too_great()


def remainder(left: int, right: int) -> int:
    """Return what a division leaves, with the sign of the dividend. Raises RuleFailed."""
    if right == 0:
        raise RuleFailed("division by zero")
    if left == LEAST and right == -1:
        return too_great()
    found = abs(left) % abs(right)
    return -found if left < 0 else found


def moved(at: datetime, by: timedelta) -> datetime:
    """Return a time so much later. Raises RuleFailed."""
    try:
        found = at + by
    except OverflowError:
        raise RuleFailed("a time outside the years 1 to 9999") from None
    if not _FIRST <= found <= _LAST:
        raise RuleFailed("a time outside the years 1 to 9999")
    return found


def lasting(duration: timedelta) -> timedelta:
    """Return a duration. Raises RuleFailed when it is too long."""
    if not -_LONGEST <= duration <= _LONGEST:
        raise RuleFailed("a duration of more than 292 years")
    return duration


def item(items: Sequence[T], index: int) -> T:
    """Return an item by its place from 0. Raises RuleFailed."""
    if not 0 <= index < len(items):
        raise RuleFailed(f"no item {index} in a list of {len(items)}")
    return items[index]


def all_of(*parts: Callable[[], bool]) -> bool:
    """Return whether all hold; one that does not outweighs one that fails. Raises RuleFailed."""
    return _weighed(parts, _called, outweighs=False)


def any_of(*parts: Callable[[], bool]) -> bool:
    """Return whether any holds; one that does outweighs one that fails. Raises RuleFailed."""
    return _weighed(parts, _called, outweighs=True)


def exists(items: Sequence[T], holds: Callable[[T], bool]) -> bool:
    """Return whether it holds of any; where it fails of one, another may still say so. Raises RuleFailed."""
    return _weighed(items, holds, outweighs=True)


def every(items: Sequence[T], holds: Callable[[T], bool]) -> bool:
    """Return whether it holds of all; where it fails of one, another may still say no. Raises RuleFailed."""
    return _weighed(items, holds, outweighs=False)


def exists_one(items: Iterable[T], holds: Callable[[T], bool]) -> bool:
    """Return whether it holds of exactly one. Raises RuleFailed where it fails of any."""
    return sum(1 for each in items if holds(each)) == 1


def filtered(items: Iterable[T], holds: Callable[[T], bool]) -> tuple[T, ...]:
    """Return those of which it holds."""
    return tuple(each for each in items if holds(each))


def mapped(items: Iterable[T], make: Callable[[T], U]) -> tuple[U, ...]:
    """Return what is made of each."""
    return tuple(make(each) for each in items)


def _called(part: Callable[[], bool]) -> bool:
    return part()


def _weighed(items: Iterable[T], holds: Callable[[T], bool], *, outweighs: bool) -> bool:
    failure: RuleFailed | None = None
    for each in items:
        try:
            if holds(each) is outweighs:
                return outweighs
        except RuleFailed as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not outweighs
