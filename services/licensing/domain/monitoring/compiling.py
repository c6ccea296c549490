"""Checks a rulebook as a whole, and translates it: every fault with its pointer, line and column."""

import ast
import string
from typing import NamedTuple

from services.licensing.domain.monitoring.facts import VARIABLES
from services.licensing.domain.monitoring.translated import INDEXED, Compiled, Piece, Translated, function_of
from shared.cel.checked import NONE, Checked, expect
from shared.cel.checking import check, scope_of
from shared.cel.faults import Place, RuleFailed, RuleFault
from shared.cel.kinds import BOOL, Kind
from shared.cel.syntax import Name, Node, Select, parse
from shared.errors import FieldError, PermanentError
from shared.events import Rule, Rulebook

MOST_LINES = 200
"""A shipment has so many lines at most, and a rule of lines is asked of each."""
MOST_STEPS = 100_000
"""A rule may take so many steps on one shipment: some milliseconds."""
MOST_STEPS_TOGETHER = 20_000_000
MOST_FAULTS = 20


class Fault(NamedTuple):
    """What is wrong with a rulebook: where in the document, where in the text there, and what."""

    pointer: str
    place: Place
    detail: str


class RulebookRefused(Exception):
    """A rulebook cannot be taken; `faults` tells why."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults = faults

    def as_permanent(self, below: str) -> PermanentError:
        """Return it as what is wrong with an event whose `below` holds the rulebook."""
        told = tuple(
            FieldError(f"{below}{f.pointer}", f"line {f.place.line}, column {f.place.column}: {f.detail}")
            for f in self.faults
        )
        reason = "; ".join(f"{each.pointer}: {each.detail}" for each in told)
        return PermanentError(reason, pointer=told[0].pointer, faults=told)


def compile_rulebook(rulebook: Rulebook) -> Compiled:
    """Return a rulebook that can be asked. Raises RulebookRefused with up to 20 faults."""
    faults: list[Fault] = []
    rules: list[Translated] = []
    for number, rule in enumerate(rulebook.rules):
        try:
            rules.append(compile_rule(rule, number))
        except _Refused as refused:
            faults.append(Fault(f"/rules/{number}/{refused.field}", refused.fault.place, refused.fault.message))
        if len(faults) == MOST_FAULTS:
            break
    if not faults and (total := sum(rule.cost for rule in rules)) > MOST_STEPS_TOGETHER:
        detail = f"the rules may take {total:,} steps together on one shipment, more than {MOST_STEPS_TOGETHER:,}"
        faults.append(Fault("/rules", Place(1, 1), detail))
    if faults:
        raise RulebookRefused(tuple(faults))
    return Compiled(rulebook, tuple(rules))


def recompiled(rulebook: Rulebook) -> Compiled:
    """Return a rulebook that was checked when it was rolled out; a rule that no longer compiles fails when asked."""
    rules: list[Translated] = []
    for number, rule in enumerate(rulebook.rules):
        try:
            rules.append(compile_rule(rule, number))
        except _Refused as refused:
            rules.append(_failing(rule, number, f"it no longer compiles: {refused.fault.message}"))
    return Compiled(rulebook, tuple(rules))


def _failing(rule: Rule, number: int, why: str) -> Translated:
    def fail(_shipment: object, _line: object) -> bool:
        raise RuleFailed(why)

    return Translated(number, rule, fail, (), is_of_line=False, cost=1, uses=NONE)


class _Refused(Exception):
    def __init__(self, field: str, fault: RuleFault) -> None:
        super().__init__(fault.message)
        self.field, self.fault = field, fault


def compile_rule(rule: Rule, number: int) -> Translated:
    """Return a rule that can be asked; raises what compile_rulebook tells."""
    scope = scope_of(VARIABLES)
    try:
        checked = check(parse(rule.when), scope)
        expect(checked, BOOL, what="a condition")
    except RuleFault as fault:
        raise _Refused("when", fault) from fault
    try:
        pieces = _pieces(rule, checked.proves)
    except RuleFault as fault:
        raise _Refused("says", fault) from fault
    is_of_line = _asks_line(checked.code) or any(each.of_line for each in pieces)
    cost = checked.cost * (MOST_LINES if is_of_line else 1)
    if cost > MOST_STEPS:
        raise _Refused("when", RuleFault(f"may take {cost:,} steps, more than {MOST_STEPS:,}", Place(1, 1)))
    uses = checked.uses.union(*(each.uses for each in pieces))
    holds = function_of(checked.code, scope.constants, rule.id)
    said = tuple(each.piece for each in pieces)
    return Translated(number, rule, holds, said, is_of_line, cost, uses, _key(checked))


class _Said(NamedTuple):
    piece: Piece
    of_line: bool = False
    uses: frozenset[str] = NONE


def _pieces(rule: Rule, proven: frozenset[str]) -> list[_Said]:
    """Take a sentence apart; the facts in braces are those that the condition shows to be there."""
    found: list[_Said] = []
    try:
        parts = list(string.Formatter().parse(rule.says))
    except ValueError as error:
        raise RuleFault(f"a sentence has facts in braces, as in {{shipment.id}}: {error}", Place(1, 1)) from None
    for text, name, spec, conversion in parts:
        if text:
            found.append(_Said(Piece(text)))
        if name is None:
            continue
        place = Place(1, max(1, rule.says.find("{" + name) + 2))
        if spec or conversion:
            raise RuleFault("a fact in braces stands there by itself, without a format", place)
        found.append(_fact(name, proven, place))
    return found


def _fact(name: str, proven: frozenset[str], place: Place) -> _Said:
    try:
        node = parse(name)
        scope = scope_of(VARIABLES).knowing(proven)
        checked = check(node, scope)
    except RuleFault as fault:
        raise RuleFault(fault.message, Place(place.line, place.column + fault.place.column - 1)) from None
    if not isinstance(node, Select) or not _is_plain(node) or not _can_be_said(checked.kind):
        raise RuleFault("what stands in braces is one fact, as in {line.net_mass_mg}", place)
    piece = Piece("", function_of(checked.code, scope.constants, name), checked.unit)
    return _Said(piece, _asks_line(checked.code), checked.uses)


def _is_plain(node: Node) -> bool:
    return isinstance(node, Name) or (isinstance(node, Select) and _is_plain(node.of))


def _can_be_said(kind: Kind) -> bool:
    return kind.facts is None and (kind.of is None or kind.of.facts is None)


def _key(checked: Checked) -> tuple[str, frozenset[str]] | None:
    """Return the fact that leads to a rule: the one that tells most shipments apart."""
    for of, fact, _ in INDEXED:
        if (values := checked.requires.get(f"{of}.{fact}")) is not None:
            return f"{of}.{fact}", values
    return None


def _asks_line(code: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "line" for node in ast.walk(code))
