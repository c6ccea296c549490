"""A stream is the same lines however its bytes arrive, and one line never holds more than its limit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.lines import Block, Lines

LIMIT = 8


def read(chunks: list[bytes]) -> list[tuple[int, bytes | Fault]]:
    lines = Lines(LIMIT)
    blocks = [lines.feed(chunk) for chunk in chunks]
    parts = [part for block in [*blocks, lines.finish()] for part in block.parts(20, 4)]
    return [numbered for part in parts for numbered in enumerate(part.lines, part.first)]


@given(
    st.lists(st.sampled_from([b"", b"a", b" b\r", b"\t", b"12345678", b"123456789", b"x" * 40]), max_size=9), st.data()
)
def test_lines_are_the_same_however_the_bytes_arrive(texts: list[bytes], data: st.DataObject) -> None:
    stream = b"\n".join(texts)
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=6))})
    expected = [(n, text if len(text) <= LIMIT else 413) for n, text in enumerate(texts, 1) if text or n < len(texts)]
    found = [
        (number, line.status if isinstance(line, Fault) else line)
        for number, line in read([stream[a:b] for a, b in pairwise(cuts)])
    ]
    assert found == expected


@given(st.lists(st.sampled_from([b"", b"a", b"1234567"]), max_size=30), st.integers(1, 60))
def test_parts_hold_no_more_than_they_may(texts: list[bytes], most: int) -> None:
    parts = list(Block(7, texts, [len(text) + 1 for text in texts]).parts(most, 3))
    sizes = [sum(len(line) + 3 for line in part.lines if isinstance(line, bytes)) for part in parts]
    assert [line for part in parts for line in part.lines] == texts
    assert [part.first for part in parts] == [7 + sum(len(p.lines) for p in parts[:n]) for n in range(len(parts))]
    assert all(len(part.lines) == 1 or size <= most for part, size in zip(parts, sizes, strict=True))


def test_a_line_without_end_holds_no_more_than_the_limit() -> None:
    lines = Lines(LIMIT)
    for _ in range(1000):
        assert not lines.feed(b"x" * 100).lines
        assert len(lines._rest) <= LIMIT
    first, second = lines.feed(b"\nnext\n").lines
    assert isinstance(first, Fault)
    assert second == b"next"


def test_the_line_after_the_last_is_known() -> None:
    lines = Lines(LIMIT)
    lines.feed(b"a\n\nb\nc")
    assert lines.next_number == 4
