"""A stream is the same lines however its bytes arrive, and one line never holds more than its limit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.faults import Fault
from services.ingest.domain.lines import Line, Lines

LIMIT = 8


def read(chunks: list[bytes]) -> list[Line]:
    lines = Lines(LIMIT)
    found = [line for chunk in chunks for line in lines.feed(chunk)]
    return [*found, *lines.finish()]


@given(
    st.lists(st.sampled_from([b"", b"a", b" b\r", b"\t", b"12345678", b"123456789", b"x" * 40]), max_size=9), st.data()
)
def test_lines_are_the_same_however_the_bytes_arrive(texts: list[bytes], data: st.DataObject) -> None:
    stream = b"\n".join(texts)
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=6))})
    expected = [
        (n, text.strip(b" \t\r") if len(text) <= LIMIT else 413) for n, text in enumerate(texts, 1) if text.strip()
    ]
    found = [
        (line.number, line.content.status if isinstance(line.content, Fault) else line.content)
        for line in read([stream[a:b] for a, b in pairwise(cuts)])
    ]
    assert found == expected


def test_a_line_without_end_holds_no_more_than_the_limit() -> None:
    lines = Lines(LIMIT)
    for _ in range(1000):
        assert not list(lines.feed(b"x" * 100))
        assert len(lines._rest) <= LIMIT
    assert [line.number for line in lines.feed(b"\nnext\n")] == [1, 2]


def test_the_line_after_the_last_is_known() -> None:
    lines = Lines(LIMIT)
    list(lines.feed(b"a\n\nb\nc"))
    assert lines.next_number == 4
