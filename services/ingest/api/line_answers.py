"""What is answered to a stream of lines: a line for each of them, and at last what it all came to."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

import msgspec

from services.ingest.api.answers import RETRY_AFTER_S, TOO_LARGE, UNAVAILABLE, Answer, again, problem
from services.ingest.api.spool import Spool, Spooled
from services.ingest.domain.faults import Fault, too_large
from services.ingest.domain.media import LINES_TYPE
from services.ingest.domain.reading import Item
from services.ingest.publisher import Receipt, Result, TooLargeForKafkaError

MOST_BYTES = 1024 * 1024 * 1024
"""Of one answer: of two bytes that are no event a hundred are told, and the disk is everybody's."""
_ENCODER = msgspec.json.Encoder()


class LineReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the event of a line stands in Kafka."""

    id: str
    source: str
    partition: int
    offset: int | None


class LineResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line, counted from 1; blank lines count and have no result."""

    line: int
    status: int
    receipt: LineReceipt | None = None
    problem: Fault | None = None


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was taken from this line on, for this reason."""

    line: int
    problem: Fault


class LinesSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it all came to; `outcome` is a URI template (RFC 6570) of where to ask what became of an event."""

    accepted: int
    refused: int
    topic: str
    outcome: str
    stopped: Stopped | None = None


class Told(Protocol):
    """What became of one thing of a stream."""

    @property
    def status(self) -> int:
        """As of a request of its own."""

    @property
    def problem(self) -> Fault | None:
        """Why it was refused."""


def line_result(line: int, item: Item, result: Result | None) -> LineResult:
    """Return what to tell about a line."""
    outcome = outcome_of(item, result)
    if isinstance(outcome, Fault):
        return LineResult(line=line, status=outcome.status, problem=outcome)
    return LineResult(line=line, status=202, receipt=outcome)


def outcome_of(item: Item, result: Result | None) -> LineReceipt | Fault:
    """Return what became of what one thing of a stream gave."""
    if isinstance(item, Fault):
        return item
    if isinstance(result, Receipt):
        return LineReceipt(id=item.id, source=item.source, partition=result.partition, offset=result.offset)
    detail = str(result)
    is_large = isinstance(result, TooLargeForKafkaError)
    return Fault(title=TOO_LARGE, status=413, detail=detail) if is_large else unavailable(detail)


def unavailable(detail: str) -> Fault:
    """Return the fault of an event that Kafka did not acknowledge."""
    return Fault(
        title=UNAVAILABLE,
        status=503,
        detail=f"{detail}. Send the same event again later: its source and id make it count once.",
    )


def answer_too_long() -> Fault:
    """Return the fault of a stream whose answer passes the limit."""
    return too_large(
        f"the answer is over {MOST_BYTES} bytes; send the rest by itself, or ask for refused lines only "
        "(prefer: return=minimal)"
    )


def too_many_unread() -> Fault:
    """Return the fault of a stream that is stopped because too much waits for clients to read it."""
    return Fault(title="Too many answers wait to be read", status=503, detail="Send the rest again later.")


class LineResults:
    """Keeps the results in order until the answer is sent, in bounded memory."""

    def __init__(self, *, only_refused: bool, spool: Spool) -> None:
        self.accepted = 0
        self.refused = 0
        self._only_refused = only_refused
        self._is_retry_worth = False
        self._file = Spooled(spool)

    def add(self, results: Sequence[Told]) -> None:
        """Take the results of what comes next."""
        refused = [result for result in results if result.problem is not None]
        self.refused += len(refused)
        self.accepted += len(results) - len(refused)
        self._is_retry_worth |= any(result.status == HTTPStatus.SERVICE_UNAVAILABLE for result in refused)
        self._file.write(_ENCODER.encode_lines(refused if self._only_refused else results))

    def dealt_with(self, _first: int, _sizes: Sequence[int], results: Sequence[LineResult]) -> None:
        """Take the results of lines that follow each other from the first on, with the bytes that each took."""
        self.add(results)

    @property
    def full(self) -> Fault | None:
        """Why nothing more should be asked, if so: the answer is too long, or all that wait to be read are."""
        if self._file.size > MOST_BYTES:
            return answer_too_long()
        return too_many_unread() if self._file.spool.is_full else None

    def close(self) -> None:
        """Forget all of it."""
        self._file.close()

    def answer(self, topic: str, outcome: str, stopped: Stopped | None) -> Answer:
        """Return the answer: 202 all accepted, 207 some; none: 503 or 429 if coming back may help, else 422."""
        summary = LinesSummary(
            accepted=self.accepted, refused=self.refused, topic=topic, outcome=outcome, stopped=stopped
        )
        return self.answer_with(summary, stopped.problem if stopped else None)

    def answer_with(self, summary: msgspec.Struct, stopped: Fault | None, status: HTTPStatus | None = None) -> Answer:
        """Return the answer that ends with this summary; its status follows from the results unless it is given."""
        if stopped and not self.accepted + self.refused:
            self.close()
            return problem(stopped)
        is_away = stopped is not None and stopped.status == HTTPStatus.SERVICE_UNAVAILABLE
        retry = self._is_retry_worth or is_away
        self._file.write(_ENCODER.encode_lines([summary]))
        length = self._file.size
        headers = {"retry-after": str(RETRY_AFTER_S)} if retry else again(stopped) if stopped else {}
        return Answer(status or self._status(retry, stopped), self._file.pieces(), LINES_TYPE, headers, length)

    def _status(self, retry: bool, stopped: Fault | None) -> HTTPStatus:
        if not self.refused and not stopped:
            return HTTPStatus.ACCEPTED
        if self.accepted:
            return HTTPStatus.MULTI_STATUS
        if stopped and stopped.status == HTTPStatus.TOO_MANY_REQUESTS and not self._is_retry_worth:
            return HTTPStatus.TOO_MANY_REQUESTS
        return HTTPStatus.SERVICE_UNAVAILABLE if retry else HTTPStatus.UNPROCESSABLE_ENTITY
