"""The macros of conditions: `has`, and what goes over a list (CEL, langdef.md, "Macros")."""

import ast
from dataclasses import replace

from shared.cel.checked import (
    AT_ONCE,
    Check,
    Checked,
    Scope,
    Variable,
    call,
    expect,
    function,
)
from shared.cel.faults import RuleFault
from shared.cel.kinds import BOOL, Kind, list_of
from shared.cel.selecting import fact_of, told
from shared.cel.syntax import Call, Name, Select

_OVER_LISTS = {"all": "every", "exists": "exists", "exists_one": "exists_one", "filter": "filtered", "map": "mapped"}
_PLAIN = {"all": "all", "exists": "any"}
"""Where nothing can fail, Python's own stop as soon as the answer is known."""


def is_macro(node: Call) -> bool:
    """Return whether a call is no call of a function."""
    return node.function == "has" if node.target is None else node.function in _OVER_LISTS


def check_macro(node: Call, scope: Scope, check: Check) -> Checked:
    """Return what is known of a macro. Raises RuleFault."""
    if node.target is None:
        return _has(node, scope, check)
    if node.function == "map" and len(node.args) == 3:  # noqa: PLR2004 - with a condition in between
        name, condition, made = node.args
        chosen = Call("filter", node.target, (name, condition), node.place)
        return _over_list(Call("map", chosen, (name, made), node.place), scope, check)
    return _over_list(node, scope, check)


def _has(node: Call, scope: Scope, check: Check) -> Checked:
    if len(node.args) != 1 or not isinstance(node.args[0], Select):
        raise RuleFault("has(...) asks for one fact, as in has(line.licence)", node.place)
    asked = node.args[0]
    fact, about = fact_of(asked, scope, check)
    if fact.can_fail or fact.path is None:
        raise RuleFault("has(...) asks for a fact by its name alone", node.place)
    if not about.is_optional:
        raise RuleFault(f"{told(asked)} is always there", asked.place)
    code = ast.Compare(fact.code, [ast.IsNot()], [ast.Constant(None)])
    return Checked(BOOL, code, node.place, fact.cost + 1, proves=frozenset({fact.path}), uses=fact.uses)


def _over_list(node: Call, scope: Scope, check: Check) -> Checked:
    if node.target is None or len(node.args) != 2 or not isinstance(node.args[0], Name):  # noqa: PLR2004
        raise RuleFault(f"{node.function} is written list.{node.function}(x, ...)", node.place)
    items = check(node.target, scope)
    if items.kind.of is None:
        raise RuleFault(f"{node.function} goes over a list, not {items.kind}", node.place)
    inner, variable = scope.with_variable(node.args[0].name, items.kind.of)
    body = check(node.args[1], inner)
    if node.function != "map":
        expect(body, BOOL, what=f"what {node.function} asks of each item")
    found = _translated(node, items, body, variable)
    is_looked_up = isinstance(found.code, ast.Compare)
    return replace(
        found,
        cost=2 + items.cost + (items.items // AT_ONCE if is_looked_up else items.items * (1 + body.cost)),
        can_fail=items.can_fail or body.can_fail,
        uses=items.uses | body.uses,
    )


def _translated(node: Call, items: Checked, body: Checked, variable: Variable) -> Checked:
    kind: Kind = BOOL
    if node.function in ("filter", "map"):
        kind = list_of(body.kind) if node.function == "map" else items.kind
    known = Checked(kind, items.code, node.place, items=items.items if kind is not BOOL else 0)
    if node.function not in _PLAIN or body.can_fail or items.can_fail:
        return replace(known, code=call(_OVER_LISTS[node.function], items.code, function(body.code, variable.code)))
    if node.function == "exists" and (wanted := body.requires.get(variable.path)) and len(wanted) == 1:
        is_all = isinstance(node.args[1], Call) and node.args[1].function == "=="
        if is_all:  # Some item equals a value: the list holds it.
            held = ast.Compare(ast.Constant(next(iter(wanted))), [ast.In()], [items.code])
            return replace(known, code=held, requires={items.path: wanted} if items.path else {})
    each = ast.comprehension(ast.Name(variable.code, ast.Store()), items.code, [], 0)
    code = call(_PLAIN[node.function], ast.GeneratorExp(body.code, [each]))
    wanted = body.requires.get(variable.path) if node.function == "exists" else None
    return replace(known, code=code, requires={items.path: wanted} if items.path and wanted else {})
