"""JSON to rely on: what two readers could read as two different things is refused, with the place."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.json_text import MAX_DEPTH, Fraction, parse
from shared.faults import pointer_to


@pytest.mark.parametrize(
    "body, pointer, says",
    [
        (b"", "", "empty"),
        (b"{", "", "line 1 column 2"),
        (b"{'a': 1}", "", "line 1 column 2"),
        (b"[1,]", "", ""),
        (b"1 2", "", "Extra data"),
        (b"\xef\xbb\xbf{}", "", "BOM"),
        (b'{"a": NaN}', "/a", "NaN is no number"),
        (b'{"a": [1, -Infinity]}', "/a/1", "-Infinity"),
        (b'"\xff"', "", "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "", "not UTF-8"),
        (b'{"a": "\\ud800"}', "/a", "surrogate"),
        (b'{"a": "\\udc00b"}', "/a", "surrogate"),
        (b'{"\\ud800": 1}', "", "surrogate"),
        (b'{"a": 1, "a": 2}', "/a", "twice"),
        (b'{"a": 1, "\\u0061": 2}', "/a", "twice"),
        (b'{"a" :1,"a"\n:1}', "/a", "twice"),
        *((b'{"a":1,"a"' + blank + b":2}", "/a", "twice") for blank in (b" ", b"\t", b"\n", b"\r", b" \t")),
        (b'{"a": [0, {"b/c": 1, "x": {}, "b/c": 2}]}', "/a/1/b~1c", "twice"),
        (b'{"": 1, "": 2}', "/", "twice"),
        (b'{"a": {"b": "x\\u0000y"}}', "/a/b", "NUL"),
        (b'{"a\\u0000": 1}', "", "NUL"),
        (b'{"a": ["\\\\u0000", "\\u0000"]}', "/a/1", "NUL"),
        (b'{"a": ' + b"9" * 5000 + b"}", "/a", "out of range"),
        (b"[" * 100_000, "", "deep"),
        (b"[" * 100_000 + b"]" * 100_000, "", "deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "", "deep"),
        (b"[" * 400 + b"9" * 5000 + b"]" * 400, "", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_unsound_text_is_refused_with_the_place(body: bytes, pointer: str, says: str | None) -> None:
    fault = parse(body)
    assert isinstance(fault, Fault)
    assert fault.status == 400
    (flaw,) = fault.errors
    if says:
        assert says in flaw.detail
        assert flaw.pointer == pointer


@pytest.mark.parametrize(
    "body, value",
    [
        (b'{"a": 1, "b": {"a": 1}}', {"a": 1, "b": {"a": 1}}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a": "\\"b\\": 1, \\"b\\": 2"}', {"a": '"b": 1, "b": 2'}),
        (b'{"a": "x\\\\u0000"}', {"a": "x\\u0000"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b" null ", None),
        (b"false", False),
        (b"[1e400]", ["1e400"]),
    ],
    ids=repr,
)
def test_sound_text_is_read(body: bytes, value: object) -> None:
    assert parse(body) == value


def test_number_that_is_not_whole_stays_as_it_stands() -> None:
    assert parse(b"1.10") == "1.10"
    assert isinstance(parse(b"1.10"), Fraction)
    assert not isinstance(parse(b'"1.10"'), Fraction)


def test_depth_is_limited_where_it_says() -> None:
    assert not isinstance(parse(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH), Fault)
    assert isinstance(parse(b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1)), Fault)


def test_pointer_escapes_as_rfc_6901_says() -> None:
    assert pointer_to("a/b", "m~n", 0, "") == "/a~1b/m~0n/0/"


KEYS = st.sampled_from(["a", "b", 'x":', "a\\", "é", ""]) | st.text(max_size=3)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6) | st.just('"a": 1, "a"')


class Pairs(list[tuple[str, Any]]):
    """An object's members, with keys that may repeat."""


DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs),
    max_leaves=12,
)


def as_text(value: object, gaps: Iterator[str]) -> str:
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(k)}{next(gaps)}:{as_text(v, gaps)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_text(v, gaps) + next(gaps) for v in value) + "]"
    return json.dumps(value)


def has_repeated_key(text: str) -> bool:
    repeats: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeats.extend({k for k, _ in pairs if [key for key, _ in pairs].count(k) > 1})
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)
    return bool(repeats)


@given(DOCUMENTS, st.lists(st.sampled_from(["", " ", "\n\t "]), min_size=1, max_size=3))
def test_a_key_that_stands_twice_is_found_and_only_then(document: object, gaps: list[str]) -> None:
    text = as_text(document, cycle(gaps))
    result = parse(text.encode())
    if "\\u0000" in text and isinstance(result, Fault) and "NUL" in result.errors[0].detail:
        return
    assert isinstance(result, Fault) == has_repeated_key(text)
    if not isinstance(result, Fault):
        assert result == json.loads(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    result = parse(body)
    if isinstance(result, Fault):
        msgspec.json.encode(result)
    else:
        json.loads(body.decode())


JSON_ISH = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"1",
            b"-",
            b"e9",
            b".5",
            b"\\u0000",
            b"\\ud800",
            b"NaN",
            b"\\",
            b"true",
            b" ",
        ]
    ),
    max_size=30,
).map(b"".join)


@given(JSON_ISH)
def test_anything_like_json_is_read_or_refused(body: bytes) -> None:
    result = parse(body)
    if isinstance(result, Fault):
        msgspec.json.encode(result)
    else:
        json.loads(body.decode())
