"""Operators and functions of conditions: which kinds they take, and what they are in Python."""

import ast
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.cel.checked import AT_ONCE, Check, Checked, Scope, agreed, call, expect, sum_of
from shared.cel.faults import RuleFailed, RuleFault
from shared.cel.kinds import BOOL, DURATION, INT, STRING, TIMESTAMP, Kind
from shared.cel.literals import LEAST, MOST
from shared.cel.running import divided, lasting, remainder
from shared.cel.syntax import Call, Literal
from shared.masses import MILLIGRAMS

_ORDERED = (INT, STRING, BOOL, TIMESTAMP, DURATION)
_COMPARE: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
}
_ARITHMETIC: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult}
_TEXT_COST = 10
"""Searching a text counts for so many steps."""
_SEARCHES = ("contains", "startsWith", "endsWith")
_MICROSECOND = timedelta(microseconds=1)
_SECOND, _MINUTE, _HOUR = 1_000_000, 60_000_000, 3_600_000_000
_GETTERS: dict[tuple[Kind, str], Callable[[Any], int]] = {
    (TIMESTAMP, "getFullYear"): lambda at: at.astimezone(UTC).year,
    (TIMESTAMP, "getMonth"): lambda at: at.astimezone(UTC).month - 1,
    (TIMESTAMP, "getDate"): lambda at: at.astimezone(UTC).day,
    (TIMESTAMP, "getDayOfMonth"): lambda at: at.astimezone(UTC).day - 1,
    (TIMESTAMP, "getDayOfWeek"): lambda at: at.astimezone(UTC).isoweekday() % 7,
    (TIMESTAMP, "getDayOfYear"): lambda at: at.astimezone(UTC).timetuple().tm_yday - 1,
    (TIMESTAMP, "getHours"): lambda at: at.astimezone(UTC).hour,
    (TIMESTAMP, "getMinutes"): lambda at: at.astimezone(UTC).minute,
    (TIMESTAMP, "getSeconds"): lambda at: at.astimezone(UTC).second,
    (TIMESTAMP, "getMilliseconds"): lambda at: at.microsecond // 1000,
    (DURATION, "getHours"): lambda lasts: divided(lasts // _MICROSECOND, _HOUR),
    (DURATION, "getMinutes"): lambda lasts: divided(lasts // _MICROSECOND, _MINUTE),
    (DURATION, "getSeconds"): lambda lasts: divided(lasts // _MICROSECOND, _SECOND),
    (DURATION, "getMilliseconds"): lambda lasts: divided(remainder(lasts // _MICROSECOND, _SECOND), 1000),
}
"""In UTC; months, days of the month (but for getDate) and of the year count from 0, Sunday is 0 (langdef.md)."""
_CONSTANTS = ("timestamp", "duration", "mass")


def kind_of(value: Any) -> Kind:
    """Return the kind of what stands in a condition."""
    if isinstance(value, bool):
        return BOOL
    return INT if isinstance(value, int) else STRING


def check_call(node: Call, scope: Scope, check: Check) -> Checked:
    """Return what is known of an operator or a function. Raises RuleFault."""
    if node.function in _CONSTANTS and node.target is None:
        return _constant(node, scope)
    args = [check(arg, scope) for arg in ((node.target,) if node.target else ()) + node.args]
    if node.target is None and node.function in _OPERATORS:
        return _OPERATORS[node.function](node, args)
    if node.function == "size" and len(args) == 1:
        return _size(node, args)
    if node.function in _SEARCHES and node.target is not None and len(args) == 2:  # noqa: PLR2004 - where, and what
        return _search(node, args)
    if node.target is not None and len(args) == 1 and (args[0].kind, node.function) in _GETTERS:
        getter = scope.constant(_GETTERS[args[0].kind, node.function])
        return Checked(INT, ast.Call(getter, [args[0].code], []), node.place, **sum_of(2, args))
    raise RuleFault(_no_such(node, args), node.place)


def _no_such(node: Call, args: list[Checked]) -> str:
    if node.function in _WITHOUT:
        return f"{node.function} is not part of rules: {_WITHOUT[node.function]}"
    of = f" of {args[0].kind}" if node.target is not None else ""
    given = args[1:] if node.target is not None else args
    kinds = ", ".join(str(arg.kind) for arg in given)
    return f"there is no function {node.function}({kinds}){of}"


_WITHOUT = {
    "matches": "a pattern may take very long; use startsWith, endsWith, contains, or in a list",
    "double": "amounts are whole numbers",
    "uint": "whole numbers have a sign",
    "bytes": "texts are texts",
    "dyn": "kinds are known",
    "type": "kinds are known",
    "int": "facts have the kind that they need",
    "string": "facts have the kind that they need",
    "bool": "facts have the kind that they need",
}


def _equality(node: Call, args: list[Checked]) -> Checked:
    left, right = args
    kind = agreed(left.kind, right.kind)
    if kind is None or _has_facts(kind):
        raise RuleFault(f"{node.function} compares two of one kind, not {left.kind} and {right.kind}", node.place)
    code = _compared(node, left, right)
    requires = {}
    if node.function == "==":
        for fact, value in ((left, right), (right, left)):
            if fact.path is not None and isinstance(value.value, str):
                requires = {fact.path: frozenset({value.value})}
    cost = 1 + min(left.items, right.items)
    return Checked(BOOL, code, node.place, requires=requires, **sum_of(cost, args))


def _has_facts(kind: Kind) -> bool:
    return kind.facts is not None or (kind.of is not None and _has_facts(kind.of))


def _order(node: Call, args: list[Checked]) -> Checked:
    left, right = args
    expect(left, *_ORDERED, what=f"what {node.function} compares")
    if left.kind != right.kind:
        raise RuleFault(f"{node.function} compares two of one kind, not {left.kind} and {right.kind}", node.place)
    return Checked(BOOL, _compared(node, left, right), node.place, **sum_of(1, args))


def _compared(node: Call, left: Checked, right: Checked) -> ast.expr:
    return ast.Compare(left.code, [_COMPARE[node.function]()], [right.code])


def _member(node: Call, args: list[Checked]) -> Checked:
    item, items = args
    if items.kind.of is None:
        raise RuleFault(f"in looks into a list, not {items.kind}", node.place)
    if agreed(item.kind, items.kind.of) is None or _has_facts(item.kind):
        raise RuleFault(f"a {items.kind} holds no {item.kind}", node.place)
    whole = sum_of(1 + items.items // AT_ONCE, args)
    requires = {}
    if items.value is not None:  # Looked up at once; Python keeps such a set among the constants.
        values = frozenset(items.value)
        code = ast.Compare(item.code, [ast.In()], [ast.Constant(values)])  # type: ignore[arg-type] # the compiler takes it
        if item.path is not None and item.kind == STRING:
            requires = {item.path: values}
        return Checked(BOOL, code, node.place, requires=requires, **whole)
    if items.path is not None and isinstance(item.value, str):
        requires = {items.path: frozenset({item.value})}
    return Checked(BOOL, ast.Compare(item.code, [ast.In()], [items.code]), node.place, requires=requires, **whole)


def _sum(node: Call, args: list[Checked]) -> Checked:
    left, right = args
    both = (left.kind, right.kind)
    whole = sum_of(1, args)
    plain = ast.BinOp(left.code, _ARITHMETIC[node.function](), right.code)
    if both == (INT, INT):
        return _counted(node, plain, whole)
    if both == (STRING, STRING) and node.function == "+":
        return Checked(STRING, plain, node.place, **whole | {"cost": whole["cost"] + _TEXT_COST})
    if (kind := agreed(*both)) and kind.of and node.function == "+":
        return Checked(kind, plain, node.place, items=left.items + right.items, **whole)
    if both == (DURATION, DURATION) or (both == (TIMESTAMP, TIMESTAMP) and node.function == "-"):
        return Checked(DURATION, call("lasting", plain), node.place, **whole | {"can_fail": True})
    if both == (TIMESTAMP, DURATION):
        by = right.code if node.function == "+" else ast.UnaryOp(ast.USub(), right.code)
        return Checked(TIMESTAMP, call("moved", left.code, by), node.place, **whole | {"can_fail": True})
    if both == (DURATION, TIMESTAMP) and node.function == "+":
        return Checked(TIMESTAMP, call("moved", right.code, left.code), node.place, **whole | {"can_fail": True})
    raise RuleFault(f"{node.function} does not take {left.kind} and {right.kind}", node.place)


def _counted(node: Call, code: ast.expr, whole: dict[str, Any]) -> Checked:
    """Return a number that is checked to have no more than 64 bits."""
    named = ast.NamedExpr(ast.Name("n", ast.Store()), code)
    fits = ast.Compare(ast.Constant(LEAST), [ast.LtE(), ast.LtE()], [named, ast.Constant(MOST)])
    checked = ast.IfExp(fits, ast.Name("n", ast.Load()), call("too_great"))
    return Checked(INT, checked, node.place, **whole | {"can_fail": True})


def _product(node: Call, args: list[Checked]) -> Checked:
    left, right = args
    if (left.kind, right.kind) != (INT, INT):
        raise RuleFault(f"{node.function} does not take {left.kind} and {right.kind}", node.place)
    whole = sum_of(1, args)
    if node.function == "*":
        return _counted(node, ast.BinOp(left.code, ast.Mult(), right.code), whole)
    code = call("divided" if node.function == "/" else "remainder", left.code, right.code)
    is_sure = isinstance(right.value, int) and right.value > 0
    return Checked(INT, code, node.place, **whole | {"can_fail": whole["can_fail"] or not is_sure})


def _negative(node: Call, args: list[Checked]) -> Checked:
    (of,) = args
    expect(of, INT, DURATION, what="what - turns round")
    negative = ast.UnaryOp(ast.USub(), of.code)
    if of.kind == INT:
        return _counted(node, negative, sum_of(1, args))
    return Checked(DURATION, negative, node.place, **sum_of(1, args))


def _indexed(node: Call, args: list[Checked]) -> Checked:
    items, index = args
    if items.kind.of is None:
        raise RuleFault(f"{items.kind} has no items", node.place)
    expect(index, INT, what="the place of an item")
    path = f"{items.path}[{index.value}]" if items.path and isinstance(index.value, int) else None
    whole = sum_of(1, args) | {"can_fail": True}
    return Checked(items.kind.of, call("item", items.code, index.code), node.place, path=path, **whole)


def _size(node: Call, args: list[Checked]) -> Checked:
    if args[0].kind.of is None:
        expect(args[0], STRING, what="what size counts")
    return Checked(INT, call("len", args[0].code), node.place, **sum_of(1, args))


def _search(node: Call, args: list[Checked]) -> Checked:
    where, what = args
    expect(where, STRING, what=f"what {node.function} looks into")
    expect(what, STRING, what=f"what {node.function} looks for")
    if node.function == "contains":
        code: ast.expr = ast.Compare(what.code, [ast.In()], [where.code])
    else:
        code = ast.Call(ast.Attribute(where.code, node.function.lower(), ast.Load()), [what.code], [])
    return Checked(BOOL, code, node.place, **sum_of(_TEXT_COST, args))


_OPERATORS: dict[str, Callable[[Call, list[Checked]], Checked]] = {
    **dict.fromkeys(("<", "<=", ">", ">="), _order),
    **dict.fromkeys(("==", "!="), _equality),
    **dict.fromkeys(("+", "-"), _sum),
    **dict.fromkeys(("*", "/", "%"), _product),
    "in": _member,
    "-x": _negative,
    "[]": _indexed,
}


def _constant(node: Call, scope: Scope) -> Checked:
    """Return a time, a duration or a mass that is written as a text."""
    written = node.args[0] if len(node.args) == 1 else None
    if not isinstance(written, Literal) or not isinstance(written.value, str):
        raise RuleFault(f"{node.function} takes one text, as in {_AS_IN[node.function]}", node.place)
    try:
        kind, value = _READ[node.function](written.value)
    except (ValueError, OverflowError, InvalidOperation, RuleFailed):
        raise RuleFault(f"{written.value!r} is not written as in {_AS_IN[node.function]}", written.place) from None
    return Checked(kind, scope.constant(value), node.place, value=value if kind == INT else None)


_AS_IN = {
    "timestamp": "timestamp('2025-05-20T11:00:00Z'), to the microsecond",
    "duration": "duration('36h30m'), to the microsecond",
    "mass": "mass('12.5 kg')",
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_LASTS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)(?:(\d+(\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s))*")
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")
_MICROSECONDS = {
    "h": Decimal(3_600_000_000),
    "m": Decimal(60_000_000),
    "s": Decimal(1_000_000),
    "ms": Decimal(1000),
    "us": Decimal(1),
    "µs": Decimal(1),
    "ns": Decimal("0.001"),
}
_WEIGHS = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?(mg|g|kg|t)")
_MASS_UNITS = {"mg": "MGM", "g": "GRM", "kg": "KGM", "t": "TNE"}


def _timestamp(written: str) -> tuple[Kind, datetime]:
    if not _MOMENT.fullmatch(written):
        raise ValueError(written)
    return TIMESTAMP, datetime.fromisoformat(written.upper()).astimezone(UTC)


def _duration(written: str) -> tuple[Kind, timedelta]:
    if not _LASTS.fullmatch(written):
        raise ValueError(written)
    total = sum((Decimal(number) * _MICROSECONDS[unit] for number, unit in _PART.findall(written)), Decimal(0))
    if total % 1:
        raise ValueError(written)
    found = timedelta(microseconds=int(total))
    return DURATION, lasting(-found if written.startswith("-") else found)


def _mass(written: str) -> tuple[Kind, int]:
    found = _WEIGHS.fullmatch(written)
    if not found:
        raise ValueError(written)
    mg = Decimal(found[1]) * MILLIGRAMS[_MASS_UNITS[found[2]]]
    if mg % 1 or mg > MOST:
        raise ValueError(written)
    return INT, int(mg)


_READ: dict[str, Callable[[str], tuple[Kind, Any]]] = {"timestamp": _timestamp, "duration": _duration, "mass": _mass}
