"""Sends big files to the ingest in parts: a connection that is cut goes on by itself where the ingest says."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from lanewatch.sending import (
    GZIP,
    LATER,
    LINES,
    MOST_PROBLEMS,
    PAUSE_S,
    TIMEOUT,
    TRIES,
    UNAVAILABLE,
    Patience,
    Problem,
    Sent,
    counted,
    details_of,
    in_words,
    note,
    pause_of,
    problem_in_words,
)
from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

BIG_BYTES = 8 * 1024 * 1024
"""From here on it pays to ask where to go on."""
PART_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 256 * 1024
PART = "application/partial-upload"
OFFSET, COMPLETE = "upload-offset", "upload-complete"
POLL_S = 0.3

Json = dict[str, Any]


def is_big(path: Path) -> bool:
    """Return whether a file is one to be sent in parts, by its size."""
    return path.is_file() and path.stat().st_size >= BIG_BYTES


def is_plain(path: Path) -> bool:
    """Return whether a file has events line by line, neither packed nor an array."""
    with path.open("rb") as file:
        start = file.read(1024)
    return not start.startswith(GZIP) and start.lstrip()[:1] != b"["


class PartSending:
    """One file on its way; `kind` are the headers that say what it is, `params` how it is read."""

    def __init__(self, path: Path, sent: Sent, kind: dict[str, str] | None = None, **params: str) -> None:
        self._path = path
        self._sent = sent
        self._kind = kind or {"content-type": LINES}
        self._params = params
        self._shown = 0
        self._patience = Patience("")

    def send(self, config: StackConfig, advance: Callable[[int], None]) -> None:
        """Send the file, wait until it is dealt with; `advance` is told of bytes, of fewer where some go again.

        Raises StackError when the ingest refuses or stays away.
        """
        size = self._path.stat().st_size
        self._patience = Patience(config.url_of("ingest"))

        def show(position: int) -> None:
            advance(position - self._shown)
            self._shown = position

        with httpx.Client(base_url=config.url_of("ingest"), timeout=TIMEOUT, headers=headers(config)) as client:
            begun = self._until_answered(lambda: self._begin(client, size), (201,))
            place = begun.headers["location"]
            note(f"{self._path} goes to {client.base_url.join(place)}")
            with counted(lambda: self._so_far(client, place)):
                self._bring(client, place, size, show)
                self._note(self._finished(client, place))

    def _so_far(self, client: httpx.Client, place: str) -> str:
        """Return in words how much of the file has counted."""
        try:
            job = client.get(place, timeout=1).raise_for_status().json()
        except httpx.HTTPError:
            return f"{self._path} is not done"
        return f"{job['lines']:,} lines of {self._path} are taken"

    def _begin(self, client: httpx.Client, size: int) -> httpx.Response:
        told = {**self._kind, COMPLETE: "?0", "upload-length": str(size)}
        return client.post("/v1/files", params=self._params, headers=told)

    def _bring(self, client: httpx.Client, place: str, size: int, show: Callable[[int], None]) -> None:
        offset, tries = 0, 0
        while True:
            answer = self._append(client, place, (offset, size), show)
            if answer is not None and answer.status_code in (200, 202):
                return
            if answer is not None and OFFSET not in answer.headers and answer.status_code not in LATER:
                raise StackError(f"The ingest refuses {self._path}: {in_words(answer)}")
            if answer is None or answer.status_code in LATER:
                time.sleep(pause_of(answer) if answer is not None else PAUSE_S)
                answer = self._until_answered(lambda: client.head(place), (204,))
            elif answer.status_code not in (204, 409):
                raise StackError(f"The ingest refuses {self._path}: {in_words(answer)}")
            if answer.headers.get(COMPLETE) == "?1":  # Only the answer was lost.
                return
            told = int(answer.headers[OFFSET])
            tries = 0 if told > offset else tries + 1
            if tries >= TRIES:
                raise StackError(
                    f"{self._patience.url} stays away. Of {self._path}, {offset:,} bytes were sent; send it again."
                )
            offset = told

    def _append(
        self, client: httpx.Client, place: str, span: tuple[int, int], show: Callable[[int], None]
    ) -> httpx.Response | None:
        offset, size = span
        end = min(size, offset + PART_BYTES)
        told = {"content-type": PART, OFFSET: str(offset), COMPLETE: f"?{end == size:d}"}
        told["content-length"] = str(end - offset)
        try:
            return client.patch(place, content=self._pieces(offset, end, show), headers=told)
        except httpx.TransportError as error:
            self._patience.tell(error)
            return None

    def _pieces(self, offset: int, end: int, show: Callable[[int], None]) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(offset)
            while offset < end and (piece := file.read(min(PIECE_BYTES, end - offset))):
                yield piece
                offset += len(piece)
                show(offset)

    def _finished(self, client: httpx.Client, place: str) -> Json:
        while True:
            job: Json = self._until_answered(lambda: client.get(place), (200,)).json()
            if job["state"] == "done":
                return job
            if job["state"] == "failed":
                self._note(job)
                raise StackError(f"{self._path} cannot be taken further. {problem_in_words(job['problem'])}")
            time.sleep(POLL_S)

    def _until_answered(self, ask: Callable[[], httpx.Response], wanted: tuple[int, ...]) -> httpx.Response:
        for _ in range(TRIES):
            pause_s = PAUSE_S
            try:
                answer = ask()
            except httpx.TransportError as error:
                self._patience.tell(error)
            else:
                if answer.status_code in wanted:
                    return answer
                if answer.status_code not in LATER:
                    raise StackError(f"The ingest refuses {self._path}: {in_words(answer)}")
                if answer.status_code == UNAVAILABLE:
                    self._patience.tell(answer)
                pause_s = pause_of(answer)
            time.sleep(pause_s)
        raise StackError(f"{self._patience.url} stays away; send {self._path} again.")

    def _note(self, job: Json) -> None:
        self._sent.accepted += job["accepted"]
        self._sent.refused += job["refused"]
        for each in job["problems"][: MOST_PROBLEMS - len(self._sent.problems)]:
            problem = each["problem"]
            self._sent.problems.append(
                Problem(str(self._path), each["line"], each["status"], problem["title"], details_of(problem))
            )
