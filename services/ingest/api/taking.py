"""Takes foreign messages: reads the body, lets an adapter translate it, publishes what that gives, item by item."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.allowing import allowed
from services.ingest.api.answers import Answer, ReceiptBody
from services.ingest.api.body import ClientGoneError, RequestBody
from services.ingest.api.counting import count_events, count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import Head, read_head
from services.ingest.api.in_hand import BusyError, InHand, Share
from services.ingest.api.rates import UNLIMITED, Allowance, SpentError, allowance_of
from services.ingest.domain.faults import Fault, wrong_media_type
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.json_text import parse
from services.ingest.domain.reading import Accepted, Item, Limits, read_structured
from services.ingest.publisher import Publisher
from shared.cloudevents import Event, write
from shared.identity import Caller, caller_of

JSON_TYPES = ("application/json", "application/ld+json")


@dataclass(frozen=True)
class Desk:
    """What all adapters share: where events go, and how much may be in hand."""

    publisher: Publisher
    limits: Limits
    in_hand: InHand
    licensing_url: str
    body_timeout_s: float
    max_expansion: int

    def check(self, caller: Caller, events: Sequence[Event[Any]]) -> list[Item]:
        """Check events that an adapter made against the contract, as any other."""
        return [allowed(caller, read_structured(write(event), self.limits)) for event in events]

    async def publish(self, items: Sequence[Item], allowance: Allowance) -> list[ReceiptBody | Fault]:
        """Publish what was accepted, in order, and put what was refused back between.

        Raises SpentError, before anything is published.
        """
        if spent := allowance.take(len(items)):
            raise SpentError(spent)
        accepted = [item for item in items if isinstance(item, Accepted)]
        results = iter(await self.publisher.publish(accepted))
        outcomes = [
            answers.result_of(item, next(results), self.licensing_url) if isinstance(item, Accepted) else item
            for item in items
        ]
        count_events(outcome.status if isinstance(outcome, Fault) else 202 for outcome in outcomes)
        return outcomes


@dataclass(frozen=True)
class Message:
    """A foreign message that is sound JSON, and who sent it."""

    tree: object
    headers: dict[str, str]
    caller: Caller
    allowance: Allowance = UNLIMITED


Take = Callable[[Message], Awaitable[Answer]]
Refuse = Callable[[Fault], Answer]


class ForeignEndpoint:
    """One route for foreign messages: the adapter takes those that can be read, and words every refusal (ASGI)."""

    def __init__(self, desk: Desk, take: Take, refuse: Refuse = answers.problem) -> None:
        self._desk = desk
        self._take = take
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = read_head(scope["headers"])
        body = RequestBody(head, receive, max_expansion=self._desk.max_expansion)
        try:
            with self._desk.in_hand.share() as share:
                answer = await self._answer(head, body, share, scope)
        except BusyError:
            answer = self._refuse(answers.busy())
        except SpentError as error:
            answer = self._refuse(error.fault)
        except ClientGoneError:
            return
        count_request(answer.status)
        await send_answer(answer, body, send, self._desk.body_timeout_s)

    async def _answer(self, head: Head, body: RequestBody, share: Share, scope: Scope) -> Answer:
        if fault := _media_fault(head.content_types):
            return self._refuse(fault)
        content = await body.read(self._desk.limits.batch_bytes, self._desk.body_timeout_s, share)
        if isinstance(content, Fault):
            return self._refuse(content)
        tree = parse(content)
        if isinstance(tree, Fault):
            return self._refuse(tree)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.raw}
        return await self._take(Message(tree, headers, caller_of(scope), allowance_of(scope)))


def _media_fault(content_types: list[str]) -> Fault | None:
    media_type = content_types[0].partition(";")[0].strip().lower() if len(content_types) == 1 else ""
    return None if media_type in JSON_TYPES else wrong_media_type(f"send {' or '.join(JSON_TYPES)}")


def source_of(caller: Caller, kind: str, otherwise: str) -> str:
    """Return what the source of a caller's events is, where the message names none: one of the caller's own."""
    if not caller.sources:
        return otherwise
    return f"{caller.sources[0].rstrip('/')}/{kind}"


def unpublished(
    given: Sequence[tuple[Translation, Event[Any]]], outcomes: Sequence[object]
) -> list[tuple[Translation, Fault]]:
    """Return the events that were refused after all, with what they came from."""
    pairs = zip(given, outcomes, strict=True)
    return [(translation, outcome) for (translation, _), outcome in pairs if isinstance(outcome, Fault)]
