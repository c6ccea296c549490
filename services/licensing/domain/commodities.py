"""Which goods a selector means, and how two selectors relate."""

from collections.abc import Iterable

import msgspec

from shared.events import Commodity, Destinations, Selector


def matches(selector: Selector, goods: Commodity) -> bool:
    """Return whether the goods satisfy every list that the selector gives."""
    return (
        (not selector.hs or goods.hs.startswith(selector.hs))
        and (not selector.elements or _has_one_of(selector.elements, goods))
        and (not selector.forms or goods.form in selector.forms)
        and (not selector.control_codes or goods.control_code in selector.control_codes)
    )


def _has_one_of(elements: tuple[str, ...], goods: Commodity) -> bool:
    return any(e in elements for e in goods.elements) or any(c.element in elements for c in goods.contents)


def might_match(selector: Selector, goods: Commodity) -> bool:
    """Return whether the goods would be meant, if they had elements that their declaration does not name.

    Where a selector asks for elements alone, only goods in a form that elements come in are in doubt.
    """
    says_more = bool(selector.hs or selector.forms or selector.control_codes or goods.form != "other")
    if not selector.elements or not says_more or goods.elements or goods.contents:
        return False
    return matches(msgspec.structs.replace(selector, elements=()), goods)


def matches_any(selectors: Iterable[Selector], goods: Commodity) -> bool:
    """Return whether some selector means the goods."""
    for selector in selectors:  # noqa: SIM110 - asked of every line and each regime and quota, `any` takes twice as long
        if matches(selector, goods):
            return True
    return False


def implies(narrow: Selector, wide: Selector) -> bool:
    """Return whether all goods of `narrow` are certain to be goods of `wide`."""
    return (
        (not wide.hs or (bool(narrow.hs) and all(code.startswith(tuple(wide.hs)) for code in narrow.hs)))
        and _within(narrow.elements, wide.elements)
        and _within(narrow.forms, wide.forms)
        and _within(narrow.control_codes, wide.control_codes)
    )


def may_overlap(one: Selector, other: Selector) -> bool:
    """Return whether the selectors have goods in common: each list that both give must share something.

    Goods of several elements can satisfy two selectors that share none; they are not what either means.
    """
    return (
        (not one.hs or not other.hs or any(a.startswith(b) or b.startswith(a) for a in one.hs for b in other.hs))
        and _meet(one.elements, other.elements)
        and _meet(one.forms, other.forms)
        and _meet(one.control_codes, other.control_codes)
    )


def admits(destinations: Destinations, country: str) -> bool:
    """Return whether the country is among the destinations."""
    return country not in destinations.exclude and (not destinations.include or country in destinations.include)


def _within(narrow: tuple[str, ...], wide: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or not set(one).isdisjoint(other)
