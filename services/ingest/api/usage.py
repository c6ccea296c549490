"""Licences and their usage as the United Kingdom's services exchange them: `POST /v1/licence-usage`."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from services.ingest.api.answers import JSON, RETRY_AFTER_S, Answer, ReceiptBody, problem
from services.ingest.api.taking import Desk, Message, source_of
from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.message import SOURCE, translate
from services.ingest.domain.reading import Item
from shared.http import CONTENT_TYPE_PROBLEM

PATH = "/v1/licence-usage"


class TakenItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item of a message, and what it says that has no place in our events."""

    pointer: str
    name: str | None = None
    status: int
    receipts: tuple[ReceiptBody, ...] = ()
    problems: tuple[Fault, ...] = ()
    unmapped: tuple[Flaw, ...] = ()


class TakenBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a message, item by item; a problem details object when nothing was accepted."""

    title: str | None = None
    status: int | None = None
    accepted: int
    refused: int
    results: list[TakenItem]


class Usage:
    """Takes licences and their usage."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, message: Message) -> Answer:
        """Publish what the message says: 202 all of it, 207 some, 503 none and coming back may help, else 422."""
        source = source_of(message.caller, "licence-usage", SOURCE)
        given = translate(message.tree, source, most=self._desk.limits.batch_items)
        if isinstance(given, Fault):
            return problem(given)
        parts = [_whole(self._desk.check(message.caller, item.events)) for item in given]
        outcomes = iter(await self._desk.publish([each for part in parts for each in part], message.allowance))
        return _answer([_taken(item, [next(outcomes) for _ in part]) for item, part in zip(given, parts, strict=True)])


def _whole(part: list[Item]) -> Sequence[Item]:
    """Return all that an item gave, or only what is refused of it: no licence ends without the one in its place."""
    return [each for each in part if isinstance(each, Fault)] or part


def _taken(item: Translation, outcomes: Sequence[ReceiptBody | Fault]) -> TakenItem:
    problems = tuple(outcome for outcome in (item.fault, *outcomes) if isinstance(outcome, Fault))
    return TakenItem(
        pointer=item.pointer,
        name=item.name,
        status=problems[0].status if problems else HTTPStatus.ACCEPTED,
        receipts=tuple(outcome for outcome in outcomes if isinstance(outcome, ReceiptBody)),
        problems=problems,
        unmapped=item.unmapped,
    )


def _answer(results: list[TakenItem]) -> Answer:
    refused = sum(bool(result.problems) for result in results)
    retry = any(result.status == HTTPStatus.SERVICE_UNAVAILABLE for result in results)
    status = HTTPStatus.ACCEPTED
    if refused:
        nothing = HTTPStatus.SERVICE_UNAVAILABLE if retry else HTTPStatus.UNPROCESSABLE_ENTITY
        status = HTTPStatus.MULTI_STATUS if any(result.receipts for result in results) else nothing
    is_problem = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY)
    body = TakenBody(
        title="Nothing of the message was accepted" if is_problem else None,
        status=status if is_problem else None,
        accepted=len(results) - refused,
        refused=refused,
        results=results,
    )
    headers = {"retry-after": str(RETRY_AFTER_S)} if retry else {}
    return Answer(status, msgspec.json.encode(body), CONTENT_TYPE_PROBLEM if is_problem else JSON, headers)
