"""Whether bytes are JSON to rely on: UTF-8, no key twice, not too deep, no NUL.

A decoder silently keeps the last of two equal keys, so two readers could see two different events.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from services.ingest.domain.faults import Fault, not_json
from shared.faults import pointer_to

MAX_DEPTH = 32
MAX_DIGITS = 300
"""Of a whole number that the slow way lets pass; every double has fewer."""


class Fraction(str):
    """A number with a point or an exponent, as it stands: what it may be is for the contract to say."""

    __slots__ = ()


_DECODER = msgspec.json.Decoder(float_hook=Fraction)
_ENCODER = msgspec.json.Encoder(enc_hook=str)
_KEY_END = b'":'
_APART = (b" :", b"\t:", b"\n:", b"\r:")
"""A blank before a colon: such an end of a key would not be counted."""


def parse(body: bytes) -> object | Fault:
    """Return the value, with numbers that are not whole as `Fraction`, or what makes the text unsound."""
    value = _decoded(body)
    if isinstance(value, Fault):
        return value
    if not _is_level(body) and _is_too_deep(value):
        return _too_deep()
    # Every key in the text ends in a quote and a colon, and so does every key that is left after decoding. So as many
    # of these in the text as in the value written anew prove that none stood twice. A blank before a colon, or a
    # character that is written by its number, would spoil the count; then the slow way tells.
    if (
        b"\\u" in body
        or any(blank in body for blank in _APART)
        or body.count(_KEY_END) != _ENCODER.encode(value).count(_KEY_END)
    ):
        return _flaw(body) or value
    return value


def _is_level(body: bytes) -> bool:
    """Return whether there are too few brackets for anything to be nested too deep."""
    return body.count(b"{") + body.count(b"[") <= MAX_DEPTH


def _decoded(body: bytes) -> object | Fault:
    if not body:
        return not_json("the body is empty")
    try:
        body.decode()
        value: object = _DECODER.decode(body)
    except UnicodeDecodeError as error:
        return not_json(f"not UTF-8 at byte {error.start}: {error.reason}")
    except RecursionError:
        return _too_deep()
    except msgspec.DecodeError as error:
        return _flaw(body) or not_json(str(error))
    return value


def _too_deep() -> Fault:
    return not_json(f"nested more than {MAX_DEPTH} levels deep")


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return False
        level = below
    return True


class _Members(list[tuple[str, object]]):
    """The members of an object as they stand in the text, equal keys included."""


class _NoNumber(str):
    """Stands for a number that has no place in JSON, or that no decoder here holds; says why."""

    __slots__ = ()


_NUL = re.compile("\0")
_LONE = re.compile("[\ud800-\udfff]")


def _integer(text: str) -> int | _NoNumber:
    return 0 if len(text) <= MAX_DIGITS else _NoNumber("the number is out of range")


def _constant(text: str) -> _NoNumber:
    return _NoNumber(f"{text} is no number in JSON")


def _flaw(body: bytes) -> Fault | None:
    """Look through the text member by member, slowly, for the first thing that is not sound, and its place."""
    try:
        text = json.loads(
            body.decode(),
            object_pairs_hook=_Members,
            parse_float=Fraction,
            parse_int=_integer,
            parse_constant=_constant,
        )
        return next(_flaws(text, ()), None)
    except RecursionError:
        return _too_deep()
    except ValueError as error:
        return not_json(str(error))


def _flaws(value: object, steps: tuple[str | int, ...]) -> Iterator[Fault]:
    if isinstance(value, _Members):
        seen: set[str] = set()
        for key, member in value:
            if key in seen:
                yield not_json("the key stands twice", pointer_to(*steps, key))
            # Such a key has no place in a pointer either.
            if detail := _text_flaw(key):
                yield not_json(f"in a key {detail}", pointer_to(*steps))
            seen.add(key)
            yield from _flaws(member, (*steps, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _flaws(member, (*steps, index))
    elif isinstance(value, _NoNumber):
        yield not_json(str(value), pointer_to(*steps))
    elif isinstance(value, str) and (detail := _text_flaw(value)):
        yield not_json(f"in the text {detail}", pointer_to(*steps))


def _text_flaw(text: str) -> str | None:
    if _NUL.search(text):
        return "the character NUL stands"
    return "half of a surrogate pair stands" if _LONE.search(text) else None
