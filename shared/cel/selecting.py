"""Facts in conditions: whether there is such a fact, and whether it is known to be there."""

import ast
from collections.abc import Mapping

from shared.cel.checked import Check, Checked, Scope
from shared.cel.faults import Place, RuleFault
from shared.cel.kinds import About, Kind, facts_of
from shared.cel.syntax import Call, Literal, Name, Node, Select
from shared.faults import perhaps


def check_select(node: Select, scope: Scope, check: Check) -> Checked:
    """Return what is known of a fact. Raises RuleFault when there is none such, or it may not be there."""
    found, about = fact_of(node, scope, check)
    if about.is_optional and found.path not in scope.proven:
        written = told(node)
        raise RuleFault(f"{written} is not always there: ask has({written}) && ... first", node.place)
    return found


def fact_of(node: Select, scope: Scope, check: Check) -> tuple[Checked, About]:
    """Return a fact, whether it is known to be there or not. Raises RuleFault when there is no such fact."""
    of = check(node.of, scope)
    facts = _facts(of.kind, node.place)
    about = facts.get(node.field)
    if about is None:
        raise RuleFault(f"{of.kind} has no fact {node.field}{perhaps(node.field, facts)}", node.place)
    found = Checked(
        about.kind,
        ast.Attribute(of.code, node.field, ast.Load()),
        node.place,
        cost=of.cost + 1,
        can_fail=of.can_fail,
        items=about.most,
        unit=about.unit,
        path=of.path and f"{of.path}.{node.field}",
        uses=of.uses | {f"{of.kind}.{node.field}"},
    )
    return found, about


def told(node: Node) -> str:
    """Return a fact as it is written."""
    match node:
        case Select():
            return f"{told(node.of)}.{node.field}"
        case Name():
            return node.name
        case Call(function="[]", args=(of, Literal(value=value))):
            return f"{told(of)}[{value}]"
        case _:
            return "(...)"


def _facts(kind: Kind, place: Place) -> Mapping[str, About]:
    if kind.facts is None:
        raise RuleFault(f"{kind} has no facts", place)
    return facts_of(kind.facts)
