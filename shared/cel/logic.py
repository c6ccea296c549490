"""The logic of conditions: and, or, not, and a choice; with errors taken in as CEL asks."""

import ast
from collections.abc import Mapping, Sequence

from shared.cel.checked import (
    NONE,
    Check,
    Checked,
    Scope,
    agreed,
    call,
    expect,
    function,
    sum_of,
)
from shared.cel.faults import RuleFault
from shared.cel.kinds import BOOL
from shared.cel.syntax import Call


def check_logic(node: Call, scope: Scope, check: Check) -> Checked:
    """Return what is known of `&&`, `||`, `!` or `?:`. Raises RuleFault."""
    if node.function == "&&":
        return _all_of(node, scope, check)
    if node.function == "||":
        return _any_of(node, scope, check)
    return _not(node, scope, check) if node.function == "!" else _choice(node, scope, check)


def _all_of(node: Call, scope: Scope, check: Check) -> Checked:
    parts = _parts(node, scope, check, when_true=True)
    proven = NONE.union(*(part.proves for part in parts if not part.can_fail))
    code = _joined(parts, ast.And(), "all_of")
    return Checked(BOOL, code, node.place, proves=proven, requires=_narrowed(parts), **sum_of(1, parts))


def _any_of(node: Call, scope: Scope, check: Check) -> Checked:
    parts = _parts(node, scope, check, when_true=False)
    refuted = NONE.union(*(part.refutes for part in parts if not part.can_fail))
    code = _joined(parts, ast.Or(), "any_of")
    return Checked(BOOL, code, node.place, refutes=refuted, requires=_widened(parts), **sum_of(1, parts))


def _parts(node: Call, scope: Scope, check: Check, *, when_true: bool) -> list[Checked]:
    """Check each part, knowing what those before it say when they let it be asked.

    One that can fail says nothing of the others, since those that cannot are asked before it.
    """
    parts: list[Checked] = []
    for arg in node.args:
        part = check(arg, scope)
        expect(part, BOOL, what=f"what {node.function} joins")
        if not part.can_fail:
            scope = scope.knowing(part.proves if when_true else part.refutes)
        parts.append(part)
    return parts


def _joined(parts: Sequence[Checked], operator: ast.boolop, weighed: str) -> ast.expr:
    """Ask first what cannot fail; of several that can, one may outweigh the failure of another."""
    safe = [part.code for part in parts if not part.can_fail]
    risky = [part.code for part in parts if part.can_fail]
    if len(risky) > 1:
        risky = [call(weighed, *(function(code) for code in risky))]
    return ast.BoolOp(operator, [*safe, *risky]) if len(safe) + len(risky) > 1 else (safe or risky)[0]


def _narrowed(parts: Sequence[Checked]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for part in parts:
        for path, values in part.requires.items():
            # A list may hold several values at once, so that one requirement does not narrow another.
            found[path] = values if path not in found or len(values) < len(found[path]) else found[path]
    return found


def _widened(parts: Sequence[Checked]) -> Mapping[str, frozenset[str]]:
    common = set(parts[0].requires).intersection(*(part.requires for part in parts[1:]))
    return {path: NONE.union(*(part.requires[path] for part in parts)) for path in sorted(common)}


def _not(node: Call, scope: Scope, check: Check) -> Checked:
    part = check(node.args[0], scope)
    expect(part, BOOL, what="what ! turns round")
    return Checked(
        BOOL,
        ast.UnaryOp(ast.Not(), part.code),
        node.place,
        proves=part.refutes,
        refutes=part.proves,
        **sum_of(1, [part]),
    )


def _choice(node: Call, scope: Scope, check: Check) -> Checked:
    condition = check(node.args[0], scope)
    expect(condition, BOOL, what="what ? asks")
    then = check(node.args[1], scope.knowing(condition.proves))
    otherwise = check(node.args[2], scope.knowing(condition.refutes))
    kind = agreed(then.kind, otherwise.kind)
    if kind is None:
        raise RuleFault(f"both branches are of one kind; these are {then.kind} and {otherwise.kind}", node.place)
    return Checked(
        kind,
        ast.IfExp(condition.code, then.code, otherwise.code),
        node.place,
        items=max(then.items, otherwise.items),
        **sum_of(1, [condition, then, otherwise]),
    )
