"""Notes how far a file is: only what Kafka acknowledged, or what is refused for good, is dealt with."""

import time
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from services.ingest.api.answers import Answer
from services.ingest.api.line_answers import LineResult, LineResults, Told
from services.ingest.api.sheet_answers import RowsResult
from services.ingest.api.spool import Spool
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import File, Trouble
from services.ingest.kept_files import KeptFiles

KEEP_EVERY_S = 0.5
"""What a process that is killed had done since is done again; events count once."""
_AGAIN = HTTPStatus.SERVICE_UNAVAILABLE


class _Noted(LineResults):
    """What both kinds have in common."""

    def __init__(self, file: File, kept: KeptFiles) -> None:
        super().__init__(only_refused=True, spool=Spool(0))  # Nothing is written: the job tells.
        self.file = file
        self.fault: Fault | None = None
        """Why it went no further: Kafka did not acknowledge, or the stream was stopped."""
        self._kept = kept
        self._kept_at = time.monotonic()

    def keep(self) -> None:
        """Write down how far the file is. Raises OSError."""
        self.file = msgspec.structs.replace(self.file, touched=time.time())
        self._kept.write(self.file)
        self._kept_at = time.monotonic()

    def _keep_sometimes(self) -> None:
        if time.monotonic() - self._kept_at > KEEP_EVERY_S:
            self.keep()


class FileLines(_Noted):
    """Of a file of lines: the offset is that after the last line that was dealt with."""

    def dealt_with(self, first: int, sizes: Sequence[int], results: Sequence[LineResult]) -> None:
        """Take the results of the next lines, up to the first that Kafka did not acknowledge."""
        if self.fault:
            return
        away = next((result for result in results if result.status == _AGAIN), None)
        if away:
            self.fault = away.problem
            sizes = sizes[: away.line - first]
            results = [result for result in results if result.line < away.line]
        troubles = [
            Trouble(line=result.line, status=result.status, problem=result.problem)
            for result in results
            if result.problem
        ]
        last, accepted = first + len(sizes) - 1, len(results) - len(troubles)
        if sizes:
            self.file = self.file.dealt_with(last, sum(sizes), accepted, troubles)
            self._keep_sometimes()


class FileRows(_Noted):
    """Of a spreadsheet: `lines` is the last row that was dealt with."""

    def add(self, results: Sequence[Told]) -> None:
        """Take the results of the next rows, up to the first that Kafka did not acknowledge."""
        for result in results:
            assert isinstance(result, RowsResult)  # noqa: S101 - a sheet has no others
            if self.fault or result.status == _AGAIN:
                self.fault = self.fault or result.problem
                return
            troubles = []
            if result.problem:
                problem = result.problem
                troubles = [Trouble(line=result.row, last_line=result.last_row, status=result.status, problem=problem)]
            self.file = self.file.dealt_with(result.last_row, 0, 1 - len(troubles), troubles)
        self._keep_sometimes()

    def answer_with(self, _summary: msgspec.Struct, stopped: Fault | None, status: HTTPStatus | None = None) -> Answer:
        """Take note of why it was stopped; nobody waits for the answer."""
        self.fault = self.fault or stopped
        self.close()
        return Answer(status or HTTPStatus.OK, b"", "")
