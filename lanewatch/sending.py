"""Sends events from files and pipes to the ingest, as a stream of lines, and tells what became of them."""

import gzip
import json
import os
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from lanewatch.screen import errors
from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

LINES = "application/x-ndjson"
LINES_AT_ONCE = 20_000
"""Lines of one request: where a connection breaks, no more is sent again."""
BYTES_AT_ONCE = 16 * 1024 * 1024
PIPE_BYTES = 1024 * 1024
TIMEOUT = httpx.Timeout(60, connect=5)
TRIES = 30
PAUSE_S = 1.0
UNAVAILABLE, SPENT = 503, 429
LATER = (UNAVAILABLE, SPENT)
"""It may help to come back."""
GZIP = b"\x1f\x8b"
MOST_PROBLEMS = 1000
AGAIN = "run it again: it begins anew, and nothing counts twice"


@dataclass
class Problem:
    """One line that was refused."""

    file: str
    line: int
    status: int
    title: str
    details: list[str]


@dataclass
class Sent:
    """What became of all that was sent."""

    accepted: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first of those that were refused."""

    @property
    def is_clean(self) -> bool:
        """Whether all of it was accepted."""
        return not self.refused


@dataclass
class Patience:
    """Tells once on standard error, for each file, that the ingest cannot take it now and is asked again."""

    url: str
    has_told: bool = False

    def tell(self, why: httpx.TransportError | httpx.Response) -> None:
        """Take note of an attempt that failed."""
        if not self.has_told:
            self.has_told = True
            note(f"{self.url} {_why(why)}; trying again for {TRIES * PAUSE_S:g} s")


def _why(why: httpx.TransportError | httpx.Response) -> str:
    if isinstance(why, httpx.Response):
        return f"answers {why.status_code} ({in_words(why).splitlines()[0]})"
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(why)) or type(why).__name__
    return f"does not answer ({said[0].lower()}{said[1:]})"


def note(what: str) -> None:
    """Print a line on standard error, beside the bar that shows progress there."""
    errors.print(what, soft_wrap=True, markup=False)


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, plain or gzip; a JSON array is taken apart.

    Raises StackError for a file that begins as an array, or as gzip, and is none.
    """
    with path.open("rb") as file:
        is_packed = file.read(2) == GZIP
    try:
        with gzip.open(path) if is_packed else path.open("rb") as file:
            is_array = file.read(1024).lstrip()[:1] == b"["
            file.seek(0)
            yield from _array(path, file.read()) if is_array else file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StackError(f"{path} begins as gzip and is broken: {error}") from error


def _array(path: Path, text: bytes) -> Iterator[bytes]:
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise StackError(f"{path} begins as a JSON array and is none: {error}") from error
    for item in items:
        # Inside of a text a line end is always escaped; between its parts it means nothing.
        yield bytes(item).replace(b"\n", b" ") + b"\n"


def piped(descriptor: int) -> Iterator[list[bytes]]:
    """Yield the lines of a pipe as they come, those together that came together."""
    rest = b""
    while chunk := os.read(descriptor, PIPE_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        if whole:
            yield [line + b"\n" for line in whole]
    if rest:
        yield [rest + b"\n"]


def parts(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Part lines into requests."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        part.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
        if len(part) >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def send(config: StackConfig, path: Path, advance: Callable[[int], None], sent: Sent) -> None:
    """Send the events of a file, or of standard input (`-`); `advance` is told of bytes.

    Raises StackError when the ingest refuses or stays away.
    """
    before = 0
    patience = Patience(config.url_of("ingest"))
    requests = piped(sys.stdin.fileno()) if str(path) == "-" else parts(lines_of(path))
    with (
        counted(lambda: f"{before:,} lines of {path} are taken"),
        httpx.Client(base_url=patience.url, timeout=TIMEOUT, headers=headers(config)) as client,
    ):
        for part in requests:
            left, tries = part, 0
            while left:
                done, pause_s = _post(client, str(path), left, before, sent, patience)
                advance(sum(map(len, left[:done])))
                left, before = left[done:], before + done
                tries = 0 if done else tries + 1
                if tries >= TRIES:
                    raise StackError(
                        f"{patience.url} stays away. Of {path}, {before:,} lines were sent; send it again."
                    )
                if left:
                    time.sleep(pause_s)


@contextmanager
def counted(said: Callable[[], str]) -> Iterator[None]:
    """Say where one is interrupted how far it went."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"{said()}; {AGAIN}")
        raise


def _post(
    client: httpx.Client, name: str, lines: list[bytes], before: int, sent: Sent, patience: Patience
) -> tuple[int, float]:
    """Post lines; return how many of them were dealt with, from the first on, and when to go on, in seconds."""
    wish = {"content-type": LINES, "prefer": "return=minimal"}
    try:
        answer = client.post("/v1/events", content=b"".join(lines), headers=wish)
    except httpx.TransportError as error:
        patience.tell(error)
        return 0, PAUSE_S
    if answer.headers.get("content-type") != LINES:
        if answer.status_code in LATER:
            if answer.status_code == UNAVAILABLE:
                patience.tell(answer)
            return 0, pause_of(answer)
        raise StackError(f"The ingest refuses: {in_words(answer)}")
    *results, summary = [json.loads(line) for line in answer.content.splitlines()]
    again = [result["line"] for result in results if result["status"] == UNAVAILABLE]
    if stopped := summary.get("stopped"):
        again.append(stopped["line"])
    done: int = min(again, default=len(lines) + 1) - 1
    refused = [result for result in results if result["line"] <= done]
    sent.accepted += sum(bool(line.strip()) for line in lines[:done]) - len(refused)
    _note(refused, name, before, sent)
    return done, pause_of(answer)


def pause_of(answer: httpx.Response) -> float:
    """Return in how many seconds it may help to come back."""
    told = answer.headers.get("retry-after", "")
    return max(PAUSE_S, float(told)) if answer.status_code != UNAVAILABLE and told.isdecimal() else PAUSE_S


def _note(results: list[dict[str, Any]], name: str, before: int, sent: Sent) -> None:
    sent.refused += len(results)
    for result in results[: MOST_PROBLEMS - len(sent.problems)]:
        problem = result["problem"]
        line, title = before + result["line"], problem["title"]
        sent.problems.append(Problem(name, line, result["status"], title, details_of(problem)))


def details_of(problem: dict[str, Any]) -> list[str]:
    """Return each fault that a problem names, with its place."""
    places = ("column", "pointer", "header", "detail")
    return [": ".join(error[place] for place in places if error.get(place)) for error in problem.get("errors", [])]


def in_words(answer: httpx.Response) -> str:
    """Return what an answer refuses, and why, each fault in a line of its own."""
    try:
        problem = answer.json()
    except ValueError:
        return str(answer.status_code)
    return problem_in_words(problem)


def problem_in_words(problem: dict[str, Any]) -> str:
    """Return what a problem says, each fault in a line of its own."""
    said = ": ".join(part for part in (problem.get("title"), problem.get("detail")) if part)
    lines = [f"    {_place(error)}: {error['detail']}" for error in problem.get("errors", [])]
    return "\n".join([said, *lines])


def _place(error: dict[str, Any]) -> str:
    row = f"row {error['row']}" if "row" in error else ""
    return ", ".join(filter(None, (row, error.get("column"), error.get("pointer"), error.get("header")))) or "the body"
