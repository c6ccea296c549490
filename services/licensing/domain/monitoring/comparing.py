"""What tells two rulebooks apart, rule by rule."""

from typing import NamedTuple

import msgspec

from shared.events import Rule, Rulebook

FIELDS = tuple(name for name in Rule.__struct_fields__ if name != "id")


class Difference(NamedTuple):
    """A field of a rule that changes."""

    field: str
    old: str
    new: str


class Changed(NamedTuple):
    """A rule that both have, and what of it changes."""

    id: str
    differences: tuple[Difference, ...]


class Comparison(NamedTuple):
    """What a rulebook adds to another, takes from it and changes; rules by their ids, in the new one's order."""

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: tuple[Changed, ...]
    unchanged: int


def compare(old: Rulebook | None, new: Rulebook) -> Comparison:
    """Return what makes one rulebook of the other; without an old one everything is added."""
    before = {rule.id: rule for rule in old.rules} if old else {}
    after = {rule.id: rule for rule in new.rules}
    both = [(before[name], rule) for name, rule in after.items() if name in before]
    changed = tuple(Changed(rule.id, differences) for was, rule in both if (differences := _differences(was, rule)))
    return Comparison(
        tuple(rule for name, rule in after.items() if name not in before),
        tuple(rule for name, rule in before.items() if name not in after),
        changed,
        len(both) - len(changed),
    )


def _differences(old: Rule, new: Rule) -> tuple[Difference, ...]:
    was, will = msgspec.structs.asdict(old), msgspec.structs.asdict(new)
    return tuple(Difference(name, was[name], will[name]) for name in FIELDS if was[name] != will[name])
