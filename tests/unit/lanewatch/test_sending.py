"""What was not taken is sent again, from the first such line on, and nothing is told of it before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from lanewatch import parts, sending, sheets
from lanewatch.parts import PartSending
from lanewatch.sending import LINES, Patience, Sent, _post, pause_of
from lanewatch.sheets import SheetFile, SheetSending
from lanewatch.stack import StackConfig, StackError

LINE = b"{}\n"
AWAY = {"title": "Kafka is away", "status": 503}
BAD = {"title": "Bad", "status": 400, "errors": [{"pointer": "", "detail": "why"}, {"pointer": "/a", "detail": "b"}]}


def posted(sent: Sent, count: int, *told: dict[str, Any]) -> int:
    """Return how many lines are done with, where this is told of them."""

    def answer(_: httpx.Request) -> httpx.Response:
        content = "".join(f"{json.dumps(line)}\n" for line in told)
        return httpx.Response(207, headers={"content-type": LINES}, content=content)

    with httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer)) as client:
        return _post(client, "file", [LINE] * count, 100, sent, Patience("http://x"))[0]


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


Way = Callable[[StackConfig, Path, Callable[[int], None]], None]


@pytest.mark.parametrize(
    "way",
    [
        lambda config, file, advance: sending.send(config, file, advance, Sent()),
        lambda config, file, advance: PartSending(file, Sent()).send(config, advance),
        lambda config, file, advance: SheetSending(SheetFile(file, "m", None), Sent()).send(config, advance),
    ],
    ids=["lines", "parts", "rows"],
)
def test_an_ingest_that_is_away_is_told_once_with_its_address(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in (sending, parts, sheets):
        monkeypatch.setattr(each, "PAUSE_S", 0.001)
    config, file = StackConfig.for_tests(tmp_path), tmp_path / "events.csv"
    file.write_bytes(LINE)
    with pytest.raises(StackError, match=f"{config.url_of('ingest')} stays away"):
        way(config, file, lambda _: None)
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{config.url_of('ingest')} does not answer (connection refused); trying again for 0.03 s"]


def test_a_broker_that_is_away_is_told_with_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    patience = Patience("http://x")
    for _ in range(2):
        patience.tell(httpx.Response(503, json=AWAY))
    assert capsys.readouterr().err == "http://x answers 503 (Kafka is away); trying again for 30 s\n"


def test_who_interrupts_is_told_how_far_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), sending.counted(lambda: "1,000 lines of big are taken"):
        raise KeyboardInterrupt
    said = "1,000 lines of big are taken; run it again: it begins anew, and nothing counts twice\n"
    assert capsys.readouterr().err == said
