"""What was not taken is sent again, from the first such line on, and nothing is told of it before."""

import json
from typing import Any

import httpx
import pytest

from lanewatch.sending import LINES, Sent, _post, pause_of

LINE = b"{}\n"
AWAY = {"title": "Kafka is away", "status": 503}
BAD = {"title": "Bad", "status": 400, "errors": [{"pointer": "", "detail": "why"}, {"pointer": "/a", "detail": "b"}]}


def posted(sent: Sent, count: int, *told: dict[str, Any]) -> int:
    """Return how many lines are done with, where this is told of them."""

    def answer(_: httpx.Request) -> httpx.Response:
        content = "".join(f"{json.dumps(line)}\n" for line in told)
        return httpx.Response(207, headers={"content-type": LINES}, content=content)

    with httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer)) as client:
        return _post(client, "file", [LINE] * count, 100, sent)[0]


@pytest.mark.parametrize(
    "told",
    [
        ({"line": 3, "status": 503, "problem": AWAY}, {"accepted": 4}),
        ({"line": 3, "status": 503, "problem": AWAY}, {"accepted": 2, "stopped": {"line": 5, "problem": AWAY}}),
        ({"line": 4, "status": 400, "problem": BAD}, {"accepted": 2, "stopped": {"line": 3, "problem": AWAY}}),
    ],
    ids=["a line", "a line before the stop", "a refusal after the stop"],
)
def test_the_first_line_that_was_not_taken_is_sent_again(told: Any) -> None:
    sent = Sent()
    assert posted(sent, 5, *told) == 2
    assert (sent.accepted, sent.refused) == (2, 0)


@pytest.mark.parametrize(
    "status,told,pause_s", [(429, "7", 7.0), (207, "7", 7.0), (503, "7", 1.0), (207, "", 1.0), (429, "soon", 1.0)]
)
def test_a_quota_is_waited_for_as_long_as_is_said(status: int, told: str, pause_s: float) -> None:
    answer = httpx.Response(status, headers={"retry-after": told})
    assert pause_of(answer) == pause_s


def test_a_refused_line_is_named_by_its_place_in_the_file() -> None:
    sent = Sent()
    assert posted(sent, 5, {"line": 3, "status": 400, "problem": BAD}, {"accepted": 4}) == 5
    (problem,) = sent.problems
    assert (problem.line, problem.details, sent.accepted) == (103, ["why", "/a: b"], 4)
