"""Rules in the form in which they run, and the index by which a shipment finds those that may speak of it."""

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.cel import translating
from shared.events import Rule, Rulebook

Condition = Callable[[Any, Any], bool]
"""Asks the facts of a shipment and of one of its lines."""
INDEXED: tuple[tuple[str, str, bool], ...] = (
    ("shipment", "exporter", False),
    ("shipment", "consignee", False),
    ("shipment", "end_user", False),
    ("line", "hs", False),
    ("shipment", "destination", False),
    ("line", "groups", True),
    ("line", "elements", True),
    ("shipment", "origin", False),
    ("line", "form", False),
)
"""Facts by which rules are found: of what, which, and whether it is a list; those that tell most apart stand first."""


class Piece(NamedTuple):
    """A part of a sentence: a text, or a fact and how it is read."""

    text: str
    fact: Callable[[Any, Any], Any] | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Translated:
    """One rule that was checked. `number` is its place in the rulebook; `is_of_line`: it is asked of each line."""

    number: int
    rule: Rule
    holds: Condition
    says: tuple[Piece, ...]
    is_of_line: bool
    cost: int
    uses: frozenset[str]
    key: tuple[str, frozenset[str]] | None = None
    """A fact of INDEXED and the values without one of which it does not hold."""


class Keyed(NamedTuple):
    """Rules by the value of a fact."""

    of: str
    fact: str
    is_list: bool
    rules: dict[str, tuple[Translated, ...]]


@dataclass(frozen=True, slots=True)
class Index:
    """Rules that are always asked, and those that some fact leads to."""

    always: tuple[Translated, ...]
    keyed: tuple[Keyed, ...]

    def leads_to(self, shipment: Any, line: Any) -> Sequence[Translated]:
        """Return the rules that may hold, each once, in no order."""
        found: list[Translated] = []
        for keyed in self.keyed:
            value = getattr(line if keyed.of == "line" else shipment, keyed.fact)
            for each in value if keyed.is_list else (value,):
                found += keyed.rules.get(each, ())
        if not found:
            return self.always
        return [*self.always, *dict.fromkeys(found)]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A rulebook that was checked and can be asked."""

    rulebook: Rulebook
    rules: tuple[Translated, ...]
    of_shipment: Index = field(init=False)
    of_line: Index = field(init=False)

    def __post_init__(self) -> None:
        """Index the rules."""
        object.__setattr__(self, "of_shipment", index_of(rule for rule in self.rules if not rule.is_of_line))
        object.__setattr__(self, "of_line", index_of(rule for rule in self.rules if rule.is_of_line))


def index_of(rules: Iterable[Translated]) -> Index:
    """Return the index of rules."""
    always: list[Translated] = []
    keyed: dict[str, dict[str, list[Translated]]] = {}
    for rule in rules:
        if rule.key is None:
            always.append(rule)
            continue
        path, values = rule.key
        for value in values:
            keyed.setdefault(path, {}).setdefault(value, []).append(rule)
    found = tuple(
        Keyed(of, fact, is_list, {value: tuple(each) for value, each in keyed[f"{of}.{fact}"].items()})
        for of, fact, is_list in INDEXED
        if f"{of}.{fact}" in keyed
    )
    return Index(tuple(always), found)


def function_of(code: ast.expr, constants: dict[str, Any], name: str) -> Callable[[Any, Any], Any]:
    """Return a function of a shipment and a line that gives what the code says."""
    return translating.function_of(code, constants, name, ("shipment", "line"))
