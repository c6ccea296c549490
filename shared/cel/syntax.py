"""The syntax of conditions: the Common Expression Language, as far as rules need it, with a place for every node.

Grammar and lexis follow the language definition of CEL (github.com/google/cel-spec, doc/langdef.md, "Syntax").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from shared.cel.faults import Place, RuleFault
from shared.cel.literals import number_of, text_of

MOST_CHARACTERS = 4000
RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    }
)
"""Words that the language keeps for itself (langdef.md, "RESERVED")."""
_RAW = r"""\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\r\n]*"|'[^'\r\n]*'"""
_WITH_ESCAPES = (
    r"""\"\"\"([^\\]|\\[\s\S])*?\"\"\"|'''([^\\]|\\[\s\S])*?'''"""
    r"""|"([^"\\\r\n]|\\[^\r\n])*"|'([^'\\\r\n]|\\[^\r\n])*'"""
)
GRAMMAR = r"""
    start: expr
    ?expr: or_ | or_ QUESTION or_ ":" expr -> ternary
    ?or_: and_ | and_ ("||" and_)+ -> any_of
    ?and_: relation | relation ("&&" relation)+ -> all_of
    ?relation: sum | relation (RELATION | IN) sum -> binary
    ?sum: product | sum (PLUS | MINUS) product -> binary
    ?product: unary | product TIMES unary -> binary
    ?unary: member | NOT+ member -> inverted | MINUS+ member -> negated
    ?member: primary
        | member "." NAME -> select
        | member "." NAME OPEN [items] ")" -> method
        | member SQUARE expr "]" -> index
    ?primary: NAME -> name
        | NAME OPEN [items] ")" -> function
        | "(" expr ")"
        | SQUARE [listed] "]" -> list_of
        | INT -> number
        | STRING -> text
        | TRUE -> true
        | FALSE -> false
        | (FLOAT | UINT | BYTES | NULL | BRACE | ROOT) -> unsupported
    items: expr ("," expr)*
    listed: expr ("," expr)* ","?

    NAME: /[_a-zA-Z][_a-zA-Z0-9]*/
    QUESTION: "?"
    RELATION: "<=" | ">=" | "<" | ">" | "==" | "!="
    IN: "in"
    TRUE: "true"
    FALSE: "false"
    NULL: "null"
    PLUS: "+"
    MINUS: "-"
    TIMES: "*" | "/" | "%"
    NOT: "!"
    OPEN: "("
    SQUARE: "["
    BRACE: /[{}]/
    ROOT.-1: /\.(?=[_a-zA-Z])/
    FLOAT.3: /[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+([eE][+-]?[0-9]+)?/
    UINT.2: /(0x[0-9a-fA-F]+|[0-9]+)[uU]/
    INT.1: /0x[0-9a-fA-F]+|[0-9]+/
    BYTES.3: /([bB][rR]?|[rR][bB])(TEXT)/
    STRING.2: /[rR](RAW)|TEXT/
    COMMENT: /\/\/[^\n]*/
    %ignore /[\t\n\f\r ]+/
    %ignore COMMENT
""".replace("TEXT", _WITH_ESCAPES).replace("RAW", _RAW)
_UNSUPPORTED = {
    "FLOAT": "numbers with a point are not part of rules: amounts are whole milligrams, or mass('0.5 kg')",
    "UINT": "unsigned numbers are not part of rules: write them without u",
    "BYTES": "bytes are not part of rules",
    "NULL": "null is not part of rules: ask has(...) whether a fact is there",
    "BRACE": "maps and messages cannot be written in rules",
    "ROOT": "names do not begin with a point",
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the condition."""

    value: bool | int | str
    place: Place


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Select:
    """A field of a value."""

    of: "Node"
    field: str
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """An operator (`+`, `?:`, `[]`), a function, or a method of `target`."""

    function: str
    target: "Node | None"
    args: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list that stands in the condition."""

    items: tuple["Node", ...]
    place: Place


Node = Literal | Name | Select | Call | ListOf


def parse(source: str) -> Node:
    """Return the tree of a condition. Raises RuleFault."""
    if len(source) > MOST_CHARACTERS:
        raise RuleFault(f"a condition has at most {MOST_CHARACTERS:,} characters", Place(1, MOST_CHARACTERS + 1))
    try:
        tree: Node = _parser().parse(source)  # type: ignore[assignment] # what the transformer makes of it
    except UnexpectedInput as error:
        raise _told(source, error) from None
    return tree


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Trees(), maybe_placeholders=False)


def _told(source: str, error: UnexpectedInput) -> RuleFault:
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            lines = source.split("\n")
            return RuleFault("the condition ends too soon", Place(len(lines), len(lines[-1]) + 1))
        # What is not supported reads as a value, and what follows it then does not fit.
        before = (error.token_history or [])[-1:]
        told = next((token for token in (*before, error.token) if token.type in _UNSUPPORTED), error.token)
        return RuleFault(_UNSUPPORTED.get(told.type, f"{str(told)!r} does not fit here"), _place(told))
    place = Place(error.line, error.column)
    if not isinstance(error, UnexpectedCharacters):
        return RuleFault("this does not fit here", place)
    found = str(error.char)
    hint = {"=": ": equality is ==", "&": ": and is &&", "|": ": or is ||", "\\": "", "`": ""}.get(found, "")
    if found in "'\"":
        return RuleFault("a text that does not end", place)
    return RuleFault(f"{found!r} does not fit here{hint}", place)


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


class _Trees(Transformer[Token, Any]):
    """Makes nodes of what the parser recognises."""

    def start(self, children: list[Node]) -> Node:
        return children[0]

    def ternary(self, children: list[Any]) -> Node:
        condition, question, then, otherwise = children
        return Call("?:", None, (condition, then, otherwise), _place(question))

    def any_of(self, children: list[Node]) -> Node:
        return Call("||", None, tuple(children), children[0].place)

    def all_of(self, children: list[Node]) -> Node:
        return Call("&&", None, tuple(children), children[0].place)

    def binary(self, children: list[Any]) -> Node:
        left, operator, right = children
        return Call(str(operator), None, (left, right), _place(operator))

    def inverted(self, children: list[Any]) -> Node:
        *signs, node = children
        for sign in reversed(signs):
            node = Call("!", None, (node,), _place(sign))
        return node  # type: ignore[no-any-return]

    def negated(self, children: list[Any]) -> Node:
        *signs, node = children
        for sign in reversed(signs):
            # A sign before a number belongs to it: the least of them has no positive counterpart.
            is_number = isinstance(node, Literal) and type(node.value) is int and node.place == _after(sign)
            if is_number and sign is signs[-1]:
                node = Literal(-node.value, _place(sign))
            else:
                node = Call("-x", None, (node,), _place(sign))
        return node  # type: ignore[no-any-return]

    def select(self, children: list[Any]) -> Node:
        of, field = children
        return Select(of, str(field), _place(field))

    def method(self, children: list[Any]) -> Node:
        target, name, _, *rest = children
        return Call(str(name), target, tuple(rest[0]) if rest else (), _place(name))

    def index(self, children: list[Any]) -> Node:
        of, bracket, index = children
        return Call("[]", None, (of, index), _place(bracket))

    def name(self, children: list[Token]) -> Node:
        if children[0] in RESERVED:
            raise RuleFault(f"{str(children[0])!r} is a word that the language keeps for itself", _place(children[0]))
        return Name(str(children[0]), _place(children[0]))

    def function(self, children: list[Any]) -> Node:
        name, _, *rest = children
        return Call(str(name), None, tuple(rest[0]) if rest else (), _place(name))

    def items(self, children: list[Node]) -> list[Node]:
        return children

    listed = items

    def list_of(self, children: list[Any]) -> Node:
        bracket, *rest = children
        return ListOf(tuple(rest[0]) if rest else (), _place(bracket))

    def number(self, children: list[Token]) -> Node:
        return Literal(number_of(str(children[0])), _place(children[0]))

    def text(self, children: list[Token]) -> Node:
        return Literal(text_of(str(children[0]), _place(children[0])), _place(children[0]))

    def true(self, children: Sequence[Token]) -> Node:
        return Literal(value=True, place=_place(children[0]))

    def false(self, children: Sequence[Token]) -> Node:
        return Literal(value=False, place=_place(children[0]))

    def unsupported(self, children: list[Token]) -> Node:
        raise RuleFault(_UNSUPPORTED[children[0].type], _place(children[0]))


def _after(sign: Token) -> Place:
    return Place(sign.line or 1, (sign.column or 1) + 1)
