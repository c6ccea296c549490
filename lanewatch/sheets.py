"""Sends spreadsheets to the ingest, to be read by a mapping that is kept there."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lanewatch.sending import (
    LATER,
    MOST_PROBLEMS,
    PAUSE_S,
    TRIES,
    UNAVAILABLE,
    Patience,
    Problem,
    Sent,
    in_words,
    pause_of,
)
from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CODINGS = {".gz": "gzip", ".zst": "zstd"}
LINES = "application/x-ndjson"
PIECE_BYTES = 256 * 1024
TIMEOUT = httpx.Timeout(60, connect=5, read=900)
"""The answer comes when all rows are read."""

Json = dict[str, Any]


@dataclass(frozen=True)
class SheetFile:
    """A file, and what is said with it."""

    path: Path
    mapping: str
    sheet: str | None = None
    is_dry: bool = False

    def params(self, from_row: int) -> dict[str, str]:
        """Return what the address asks for."""
        asked = {"mapping": self.mapping, "dry_run": str(self.is_dry).lower(), "from_row": str(from_row)}
        return asked | ({"sheet": self.sheet} if self.sheet else {})


def kind_of(path: Path) -> dict[str, str] | None:
    """Return the headers that say what a spreadsheet is, by its name; None for what is none."""
    *_, kind, last = ("", "", *(suffix.lower() for suffix in path.suffixes))
    coding = CODINGS.get(last)
    kind = kind if coding else last
    if kind not in MEDIA_TYPES:
        return None
    return {"content-type": MEDIA_TYPES[kind], **({"content-encoding": coding} if coding else {})}


class SheetSending:
    """A file on its way, until the ingest has dealt with all of it."""

    def __init__(self, file: SheetFile, sent: Sent) -> None:
        self._file = file
        self._sent = sent
        self._pause_s = PAUSE_S
        self._patience = Patience("")
        self.summary: Json = {}
        self.events: list[Json] = []
        """Of a dry run, the first that it would make."""

    def send(self, config: StackConfig, advance: Callable[[int], None]) -> None:
        """Send the file, and go on where the ingest left off; `advance` is told of bytes.

        Raises StackError when the ingest refuses or stays away.
        """
        from_row, tries = 1, 0
        self._patience = Patience(config.url_of("ingest"))
        with httpx.Client(base_url=config.url_of("ingest"), timeout=TIMEOUT, headers=headers(config)) as client:
            while (again := self._post(client, from_row, advance)) is not None:
                tries = 0 if again > from_row else tries + 1
                if tries >= TRIES:
                    sent = f"the rows of {self._file.path} before {again:,} were sent"
                    raise StackError(f"{self._patience.url} stays away; {sent}. Send it again.")
                from_row = again
                time.sleep(self._pause_s)

    def _post(self, client: httpx.Client, from_row: int, advance: Callable[[int], None]) -> int | None:
        """Post the file; return from which row on it is to be sent again, if so."""
        path = self._file.path
        kind = kind_of(path)
        if kind is None:
            raise StackError(f"{path} is none of {', '.join(MEDIA_TYPES)}.")
        params, content = self._file.params(from_row), _pieces(path, advance)
        try:
            with client.stream("POST", "/v1/uploads", params=params, headers=kind, content=content) as answer:
                self._pause_s = pause_of(answer)
                if answer.headers.get("content-type") == LINES:
                    return self._taken(answer.iter_lines())
                answer.read()
        except httpx.TransportError as error:
            self._patience.tell(error)
            return from_row
        if answer.status_code in LATER:
            if answer.status_code == UNAVAILABLE:
                self._patience.tell(answer)
            return from_row
        raise StackError(f"The ingest refuses {path}: {in_words(answer)}")

    def _taken(self, lines: Iterator[str]) -> int | None:
        """Take note of the results up to the first that is to be sent again; return its row."""
        again: int | None = None
        part = Sent()
        for line in lines:
            result = json.loads(line)
            if "mapping" in result:
                # Only an answer that is whole counts: otherwise all of it is sent again.
                self.summary = result
                self._add(part)
                return again or self._stopped(result)
            if result["status"] == UNAVAILABLE:
                again = again or result["row"]
            elif again is None:
                self._note(result, part)
        raise httpx.ReadError("The answer is not whole.")

    def _add(self, part: Sent) -> None:
        self._sent.accepted += part.accepted
        self._sent.refused += part.refused
        self._sent.problems += part.problems[: MOST_PROBLEMS - len(self._sent.problems)]

    def _stopped(self, summary: Json) -> int | None:
        stopped = summary.get("stopped")
        if stopped is None:
            return None
        row, problem = stopped["row"], stopped["problem"]
        if problem["status"] in LATER:
            return int(row)
        why = ": ".join(part for part in (problem.get("title"), problem.get("detail")) if part)
        raise StackError(f"{self._file.path} is taken up to row {row - 1:,}, and no further. {why}")

    def _note(self, result: Json, part: Sent) -> None:
        if "problem" not in result:
            part.accepted += 1
            self.events += [result["event"]] if "event" in result else []
            return
        part.refused += 1
        if len(part.problems) < MOST_PROBLEMS:
            problem = result["problem"]
            details = [_where(error, result) + error["detail"] for error in problem.get("errors", [])]
            path = str(self._file.path)
            part.problems.append(Problem(path, result["row"], result["status"], problem["title"], details))


def _pieces(path: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
            advance(len(piece))


def _where(error: Json, result: Json) -> str:
    row = f"row {error['row']}" if error.get("row", result["row"]) != result["row"] else ""
    place = ", ".join(filter(None, (row, error.get("column", ""))))
    return f"{place}: " if place else ""
