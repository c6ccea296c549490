"""What the ingest answers: receipts, problems, and for a batch one of them for each item."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import quote_plus

import msgspec

from services.ingest.domain.faults import Fault
from services.ingest.domain.reading import Accepted
from services.ingest.publisher import Receipt, Result, TooLargeForKafkaError
from shared.http import CONTENT_TYPE_PROBLEM

RETRY_AFTER_S = 2
TOO_LARGE = "The event is too large"
UNAVAILABLE = "Kafka is away"
JSON = "application/json"


class ReceiptBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where an accepted event stands in Kafka, and where to ask what became of it."""

    id: str
    source: str
    topic: str
    partition: int
    offset: int | None
    outcome: str


class ItemResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item of a batch."""

    index: int
    status: int
    receipt: ReceiptBody | None = None
    problem: Fault | None = None


class BatchBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a batch, item by item in order; a problem details object when nothing was accepted."""

    title: str | None = None
    status: int | None = None
    accepted: int
    refused: int
    results: list[ItemResult]


class Answer:
    """A response; a body that comes in pieces has its `length` told beforehand."""

    __slots__ = ("body", "content_type", "headers", "length", "status")

    def __init__(
        self,
        status: int,
        body: bytes | Iterator[bytes],
        content_type: str,
        headers: dict[str, str] | None = None,
        length: int = 0,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers or {}
        self.length = length

    def raw_headers(self, *, is_last: bool) -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI wants them; `is_last` says that the connection ends with this answer."""
        headers = []
        if self.status != HTTPStatus.NO_CONTENT:  # Which has no length (RFC 9110, section 8.6).
            length = len(self.body) if isinstance(self.body, bytes) else self.length
            headers = [(b"content-type", _encoded(self.content_type)), (b"content-length", b"%d" % length)]
        for name, value in self.headers.items():
            headers.append((_encoded(name), value.encode()))
        if is_last:
            headers.append((b"connection", b"close"))
        return headers


_encoded = lru_cache(256)(str.encode)
"""The same few names and types come again and again."""


def problem(fault: Fault) -> Answer:
    """Answer with a fault."""
    return Answer(fault.status, msgspec.json.encode(fault), CONTENT_TYPE_PROBLEM, again(fault))


def again(fault: Fault) -> dict[str, str]:
    """Return the header that says when to come back, if that may help."""
    is_away = fault.status == HTTPStatus.SERVICE_UNAVAILABLE
    after_s = fault.retry_after_s or (RETRY_AFTER_S if is_away else None)
    return {"retry-after": str(after_s)} if after_s else {}


def busy() -> Fault:
    """Return the fault of a request that came while too many were in hand."""
    return Fault(title="Too many requests are in hand", status=503, detail="Nothing was stored; send it again later.")


def unexpected() -> Fault:
    """Return the fault of a request that failed in a way nobody foresaw."""
    return Fault(title="An unexpected error; it was logged", status=500)


def result_of(event: Accepted, result: Result, licensing_url: str) -> ReceiptBody | Fault:
    """Return what to tell about an event that was to be published."""
    if isinstance(result, Receipt):
        return ReceiptBody(
            id=event.id,
            source=event.source,
            topic=result.topic,
            partition=result.partition,
            offset=result.offset,
            outcome=f"{licensing_url}/v1/events?source={_quoted(event.source)}&id={_escaped(event.id)}",
        )
    if isinstance(result, TooLargeForKafkaError):
        return Fault(title=TOO_LARGE, status=413, detail=str(result))
    return Fault(
        title=UNAVAILABLE,
        status=503,
        detail=f"{result}. Send the same event again later: its source and id make it count once.",
    )


def _escaped(name: str) -> str:
    """Return an event's id as a URI's query has it; few ids hold anything that must be escaped there."""
    return name if name.isascii() and name.replace("-", "").isalnum() else quote_plus(name)


_quoted = lru_cache(1024)(quote_plus)
"""The same few sources come again and again."""


def single(outcome: ReceiptBody | Fault) -> Answer:
    """Answer a request of one event."""
    if isinstance(outcome, Fault):
        return problem(outcome)
    link = {"link": f'<{outcome.outcome}>; rel="status"'}
    return Answer(HTTPStatus.ACCEPTED, msgspec.json.encode(outcome), JSON, link)


def batch(outcomes: Sequence[ReceiptBody | Fault]) -> Answer:
    """Answer a batch: 202 all accepted, 207 some; none: 503 if coming back may help, else 422."""
    results = [_item(index, outcome) for index, outcome in enumerate(outcomes)]
    refused = sum(result.problem is not None for result in results)
    status = _batch_status(results, refused)
    is_problem = status not in (HTTPStatus.ACCEPTED, HTTPStatus.MULTI_STATUS)
    body = BatchBody(
        title="No event of the batch was accepted" if is_problem else None,
        status=status if is_problem else None,
        accepted=len(results) - refused,
        refused=refused,
        results=results,
    )
    retry = any(result.status == HTTPStatus.SERVICE_UNAVAILABLE for result in results)
    headers = {"retry-after": str(RETRY_AFTER_S)} if retry else {}
    return Answer(status, msgspec.json.encode(body), CONTENT_TYPE_PROBLEM if is_problem else JSON, headers)


def _item(index: int, outcome: ReceiptBody | Fault) -> ItemResult:
    if isinstance(outcome, Fault):
        return ItemResult(index=index, status=outcome.status, problem=outcome)
    return ItemResult(index=index, status=HTTPStatus.ACCEPTED, receipt=outcome)


def _batch_status(results: Sequence[ItemResult], refused: int) -> HTTPStatus:
    if not refused:
        return HTTPStatus.ACCEPTED
    if refused < len(results):
        return HTTPStatus.MULTI_STATUS
    if any(result.status == HTTPStatus.SERVICE_UNAVAILABLE for result in results):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY
