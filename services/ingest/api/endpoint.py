"""The hot route as a bare ASGI endpoint: no model is built that the answer does not need."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

import structlog
from starlette.types import Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.allowing import allowed
from services.ingest.api.answers import Answer, ReceiptBody
from services.ingest.api.body import ClientGoneError, RequestBody
from services.ingest.api.counting import PUBLISH_SECONDS, count_event, count_events, count_request, watch
from services.ingest.api.head import Head, read_head
from services.ingest.api.in_hand import BusyError, InHand, Share
from services.ingest.api.line_answers import LineResults
from services.ingest.api.rates import Allowance, allowance_of
from services.ingest.api.stream import LineStream
from services.ingest.domain.faults import Fault
from services.ingest.domain.media import Mode, mode_of
from services.ingest.domain.reading import Accepted, Item, Limits, read_batch, read_binary, read_structured
from services.ingest.publisher import Publisher, Result
from shared.identity import Caller, caller_of
from shared.preferences import preferences

log = structlog.get_logger(__name__)


class EventsEndpoint:
    """Takes events by `POST /v1/events`."""

    def __init__(
        self,
        publisher: Publisher,
        limits: Limits,
        in_hand: InHand,
        *,
        licensing_url: str,
        body_timeout_s: float,
        max_expansion: int,
    ) -> None:
        self.publisher = publisher
        self.limits = limits
        self.in_hand = in_hand
        watch(in_hand)
        self.licensing_url = licensing_url
        self.body_timeout_s = body_timeout_s
        self.max_expansion = max_expansion

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        head = read_head(scope["headers"])
        body = RequestBody(head, receive, max_expansion=self.max_expansion)
        try:
            with self.in_hand.share() as share:
                answer = await self._answer(head, body, share, scope)
        except BusyError:
            answer = answers.problem(answers.busy())
        except ClientGoneError:
            return
        except Exception:  # Nobody foresaw it, and nothing else stands around this route.
            log.exception("request failed", path=scope["path"])
            answer = answers.problem(answers.unexpected())
        count_request(answer.status)
        await send_answer(answer, body, send, self.body_timeout_s)

    async def _answer(self, head: Head, body: RequestBody, share: Share, scope: Scope) -> Answer:
        caller, allowance = caller_of(scope), allowance_of(scope)
        mode = mode_of(head.content_types, has_attributes=head.has_attributes)
        if isinstance(mode, Fault):
            return answers.problem(mode)
        if mode is Mode.LINES:
            return await self._lines(head, body, share, (caller, allowance))
        content = await body.read(self.limits.body_bytes(mode), self.body_timeout_s, share)
        if isinstance(content, Fault):
            return answers.problem(content)
        if mode is Mode.BATCH:
            return await self._batch(content, caller, allowance)
        is_binary = mode is Mode.BINARY
        item = read_binary(head.raw, content, self.limits) if is_binary else read_structured(content, self.limits)
        outcome = allowance.take(1) or await self._publish_one(allowed(caller, item))
        count_event(outcome.status if isinstance(outcome, Fault) else 202)
        return answers.single(outcome)

    async def _batch(self, content: bytes, caller: Caller, allowance: Allowance) -> Answer:
        items = read_batch(content, self.limits)
        if isinstance(items, Fault):
            return answers.problem(items)
        if spent := allowance.take(len(items)):
            return answers.problem(spent)
        return answers.batch(await self._publish([allowed(caller, item) for item in items]))

    async def _publish_one(self, item: Item) -> ReceiptBody | Fault:
        if isinstance(item, Fault):
            return item
        return answers.result_of(item, (await self._timed([item]))[0], self.licensing_url)

    async def _lines(self, head: Head, body: RequestBody, share: Share, sender: tuple[Caller, Allowance]) -> Answer:
        wishes = preferences(head.wishes)
        results = LineResults(only_refused=wishes.get("return") == "minimal", spool=share.whole.answers)
        stream = LineStream(self.publisher, self.limits, share, results, *sender)
        return await stream.take(body, self.body_timeout_s, f"{self.licensing_url}/v1/events{{?source,id}}")

    async def _publish(self, items: Sequence[Item]) -> list[ReceiptBody | Fault]:
        """Publish what was accepted, in order, and put what was refused back between."""
        accepted = [item for item in items if isinstance(item, Accepted)]
        results = iter(await self._timed(accepted)) if accepted else iter(())
        outcomes = [
            answers.result_of(item, next(results), self.licensing_url) if isinstance(item, Accepted) else item
            for item in items
        ]
        count_events(outcome.status if isinstance(outcome, Fault) else 202 for outcome in outcomes)
        return outcomes

    async def _timed(self, accepted: Sequence[Accepted]) -> list[Result]:
        begun = perf_counter()
        results = await self.publisher.publish(accepted)
        PUBLISH_SECONDS.observe(perf_counter() - begun)
        return results


async def send_answer(answer: Answer, body: RequestBody, send: Send, timeout_s: float) -> None:
    """Send the answer; a client that does not read it within the time for each piece is left."""
    is_last = body.must_close
    headers = answer.raw_headers(is_last=is_last)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body, "more_body": is_last})
    else:
        try:
            for piece in answer.body:
                async with asyncio.timeout(timeout_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            return  # The server ends the connection of an answer that is not whole.
        if not is_last:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    if is_last:
        await body.linger()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
