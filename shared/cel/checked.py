"""What is known of a part of a condition once it is checked: its kind, its cost, and what it says in Python."""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from shared.cel.faults import Place, RuleFault
from shared.cel.kinds import NOTHING, Kind, list_of

T = TypeVar("T")
NONE: frozenset[Any] = frozenset()
MOST_DEPTH = 40
AT_ONCE = 10
"""So many items of a list are looked through in the time of a step."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A part of a condition that was checked.

    `proves` are the facts that are there where it is true, `refutes` those that are there where it
    is false. `requires`: where it is true, each of these facts has (or, a list, holds) one of the values.
    """

    kind: Kind
    code: ast.expr
    place: Place
    cost: int = 1
    """So many steps at most."""
    can_fail: bool = False
    items: int = 0
    """So many items at most, of a list."""
    path: str | None = None
    """The fact that it is, from a variable on."""
    unit: str = ""
    """How people read it: `mass`, else empty."""
    value: Any = None
    """Of what stands in the condition."""
    proves: frozenset[str] = NONE
    refutes: frozenset[str] = NONE
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    uses: frozenset[str] = NONE
    """The facts that it asks for, by class and name."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that stands for a value."""

    kind: Kind
    code: str
    path: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Which names there are, which facts are known to be there, and how deep it is."""

    variables: Mapping[str, Variable]
    proven: frozenset[str] = NONE
    constants: dict[str, Any] = field(default_factory=dict)
    """Values that Python cannot write down; shared by all of a condition."""
    depth: int = 0

    def knowing(self, proven: frozenset[str]) -> "Scope":
        """Return the scope where these facts are there as well."""
        return replace(self, proven=self.proven | proven)

    def with_variable(self, name: str, kind: Kind) -> tuple["Scope", Variable]:
        """Return the scope with one more name, which hides another of the same name."""
        unique = f"{name}_{self.depth}"
        variable = Variable(kind, f"v_{unique}", f"{unique}#")
        return replace(self, variables={**self.variables, name: variable}), variable

    def deeper(self, place: Place) -> "Scope":
        """Return the scope one level below. Raises RuleFault when that is too deep."""
        if self.depth >= MOST_DEPTH:
            raise RuleFault(f"a condition is nested {MOST_DEPTH} levels deep at most", place)
        return replace(self, depth=self.depth + 1)

    def constant(self, value: Any) -> ast.expr:
        """Return what stands for a value."""
        if isinstance(value, bool | int | str):
            return ast.Constant(value)
        name = f"k_{len(self.constants)}"
        self.constants[name] = value
        return ast.Name(name, ast.Load())


def call(function: str, *args: ast.expr) -> ast.expr:
    """Return a call of a function of `running`, or of Python's own."""
    return ast.Call(ast.Name(function, ast.Load()), list(args), [])


def function(code: ast.expr, *names: str) -> ast.expr:
    """Return a function of some names that gives what the code says."""
    args = [ast.arg(name) for name in names]
    return ast.Lambda(ast.arguments([], args, None, [], [], None, []), code)


def sum_of(cost: int, parts: Iterable[Checked]) -> dict[str, Any]:
    """Return what a whole takes from its parts: cost, whether it can fail, what it uses."""
    known = tuple(parts)
    return {
        "cost": cost + sum(part.cost for part in known),
        "can_fail": any(part.can_fail for part in known),
        "uses": NONE.union(*(part.uses for part in known)),
    }


def expect(part: Checked, *kinds: Kind, what: str) -> None:
    """Raise RuleFault unless a part is of one of the kinds."""
    if part.kind not in kinds:
        raise RuleFault(f"{what} must be {' or '.join(map(str, kinds))}, not {part.kind}", part.place)


def agreed(left: Kind, right: Kind) -> Kind | None:
    """Return the kind that both are; an empty list is any list."""
    if right in (left, NOTHING):
        return left
    if left == NOTHING:
        return right
    if left.of is not None and right.of is not None:
        inner = agreed(left.of, right.of)
        return list_of(inner) if inner else None
    return None


Check = Callable[[Any, Scope], Checked]
