"""How numbers and texts are written in conditions (CEL, langdef.md, "String and Bytes Values" and "Numeric Values")."""

import re

from shared.cel.faults import Place, RuleFault

LEAST, MOST = -(2**63), 2**63 - 1
"""Whole numbers have 64 bits."""
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SAME = frozenset("\\?\"'`")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))", re.DOTALL)
_TRIPLE = 3


def number_of(written: str) -> int:
    """Return a whole number; whether it fits is checked with its sign."""
    return int(written, 16) if written[:2] in ("0x", "0X") else int(written)


def text_of(written: str, place: Place) -> str:
    """Return the text that a literal stands for. Raises RuleFault for an escape that there is not."""
    is_raw = written[0] in "rR"
    body = written[1:] if is_raw else written
    quotes = _TRIPLE if body[:_TRIPLE] in ('"""', "'''") else 1
    body = body[quotes:-quotes]
    if is_raw or "\\" not in body:
        return body
    return _ESCAPE.sub(lambda found: _unescaped(found, place), body)


def _unescaped(found: re.Match[str], place: Place) -> str:
    four, eight, two, octal, other = found.groups()
    if other is not None:
        if other in _SAME:
            return str(other)
        if other in _SIMPLE:
            return _SIMPLE[other]
        raise RuleFault(f"\\{other} is no escape", place)
    code = int(octal, 8) if octal else int(four or eight or two, 16)
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:  # noqa: PLR2004 - the bounds of Unicode
        raise RuleFault(f"{found[0]} is no character", place)
    return chr(code)
