"""A stream of lines says truly where it stopped, and holds no more than it counts."""

import json
import tracemalloc
from typing import Any

import pytest

from services.ingest.api import line_answers
from services.ingest.api.body import RequestBody
from services.ingest.api.head import Head
from services.ingest.api.in_hand import InHand
from services.ingest.api.line_answers import LineResult, LineResults
from services.ingest.api.stream import LINE_BYTES, WINDOW_BYTES, LineStream
from services.ingest.domain.faults import Fault
from services.ingest.domain.lines import Lines
from services.ingest.domain.reading import Limits, read_lines, read_structured
from services.ingest.publisher import Publisher
from shared.identity import EVERYBODY

LIMITS = Limits(event_bytes=1_000_000, batch_bytes=1, batch_items=1, is_clock_taken=False)


async def taken(in_hand: InHand, *chunks: bytes) -> list[dict[str, Any]]:
    """Return the answer's lines for a body that comes in these chunks."""
    left = list(chunks)

    async def receive() -> dict[str, object]:
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    with in_hand.share() as share:
        results = LineResults(only_refused=False, spool=in_hand.answers)
        stream = LineStream(Publisher("127.0.0.1:1", "events", timeout_s=1), LIMITS, share, results, EVERYBODY)
        answer = await stream.take(RequestBody(Head([]), receive, max_expansion=100), 5, "/v1/events")
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return [json.loads(line) for line in body.splitlines()]


async def test_the_first_line_that_was_not_taken_is_told_though_the_rest_found_no_room_either() -> None:
    in_hand = InHand(max_requests=1, max_bytes=3 * LINE_BYTES)
    *results, summary = await taken(in_hand, b"{\n", b"{\n{\n{\n" + b"x" * 9000, b"\n")
    assert [result["line"] for result in results] == [1]
    assert summary["stopped"]["line"] == 2
    assert in_hand.size == 0


async def test_a_stream_whose_answer_grows_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_answers, "MOST_BYTES", 50_000)
    *results, summary = await taken(InHand(1, 10_000_000), b"{\n" * 10_000, b"{\n")
    assert summary["stopped"]["line"] == len(results) + 1 < 2000
    assert summary["stopped"]["problem"]["status"] == 413


async def test_streams_are_stopped_while_all_their_answers_together_are_too_long() -> None:
    in_hand = InHand(9, 10_000_000, max_answers_bytes=50_000)
    unread = LineResults(only_refused=False, spool=in_hand.answers)
    unread.add([LineResult(line=1, status=400, problem=Fault(title="x" * 50_000, status=400))])
    *results, summary = await taken(in_hand, b"{\n" * 10_000, b"{\n")
    assert summary["stopped"]["line"] == len(results) + 1 < 300
    assert summary["stopped"]["problem"]["status"] == 503
    del unread  # Its client is gone.
    assert in_hand.answers.size == 0
    *results, summary = await taken(in_hand, b"{\n" * 100)
    assert (len(results), "stopped" in summary, in_hand.answers.size) == (100, False, 0)


def test_many_very_short_lines_hold_no_more_than_is_counted() -> None:
    read_structured(b"{", LIMITS)  # What is made at first stays.
    tracemalloc.start()
    try:
        window = next(Lines(LIMITS.event_bytes).feed(b"{\n" * 100_000).parts(WINDOW_BYTES, LINE_BYTES)).lines
        before, _ = tracemalloc.get_traced_memory()
        read = read_lines(window, LIMITS)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read) == len(window)
    assert after - before < len(window) * LINE_BYTES < WINDOW_BYTES + LINE_BYTES
