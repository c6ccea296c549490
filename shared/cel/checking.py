"""Checks a condition against the facts that there are, bounds its cost, and translates it."""

import ast
from collections.abc import Mapping

from shared.cel import logic, macros, operators
from shared.cel.checked import Checked, Scope, Variable, agreed, sum_of
from shared.cel.faults import RuleFault
from shared.cel.kinds import NOTHING, Kind, list_of
from shared.cel.literals import LEAST, MOST
from shared.cel.selecting import check_select
from shared.cel.syntax import Call, ListOf, Literal, Name, Node, Select


def scope_of(variables: Mapping[str, Kind]) -> Scope:
    """Return the scope of a condition's outermost level."""
    return Scope({name: Variable(kind, name, name) for name, kind in variables.items()})


def check(node: Node, scope: Scope) -> Checked:  # noqa: PLR0911 - one for each kind of node
    """Return what is known of a condition. Raises RuleFault."""
    scope = scope.deeper(node.place)
    match node:
        case Literal():
            return _literal(node, scope)
        case Name():
            return _name(node, scope)
        case Select():
            return check_select(node, scope, check)
        case ListOf():
            return _list(node, scope)
        case Call(function="&&" | "||" | "!" | "?:"):
            return logic.check_logic(node, scope, check)
        case Call() if macros.is_macro(node):
            return macros.check_macro(node, scope, check)
        case Call():
            return operators.check_call(node, scope, check)


def _literal(node: Literal, scope: Scope) -> Checked:
    if type(node.value) is int and not LEAST <= node.value <= MOST:
        raise RuleFault("a number beyond 64 bits", node.place)
    kind = operators.kind_of(node.value)
    return Checked(kind, scope.constant(node.value), node.place, value=node.value)


def _name(node: Name, scope: Scope) -> Checked:
    found = scope.variables.get(node.name)
    if found is None:
        there = f"; there are {', '.join(scope.variables)}"
        raise RuleFault(f"there is nothing called {node.name}{there}", node.place)
    return Checked(found.kind, ast.Name(found.code, ast.Load()), node.place, path=found.path)


def _list(node: ListOf, scope: Scope) -> Checked:
    items = [check(item, scope) for item in node.items]
    kind = NOTHING
    for item in items:
        both = agreed(kind, item.kind)
        if both is None:
            raise RuleFault(f"the items of a list are of one kind; this is {item.kind}, not {kind}", item.place)
        kind = both
    values = tuple(item.value for item in items)
    whole = sum_of(1, items)
    code = ast.Tuple([item.code for item in items], ast.Load())
    is_plain = all(value is not None for value in values)
    return Checked(
        list_of(kind), code, node.place, items=len(items), value=values if is_plain and values else None, **whole
    )
