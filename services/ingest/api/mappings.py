"""Puts, shows and removes a tenant's mappings: `/v1/mappings`."""

import re
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.answers import JSON, RETRY_AFTER_S, Answer
from services.ingest.api.body import ClientGoneError, RequestBody
from services.ingest.api.counting import count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import Head, read_head
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.taking import Desk
from services.ingest.api.uploads import no_mapping
from services.ingest.domain.faults import Fault, Flaw, not_your_source, wrong_media_type
from services.ingest.domain.formats.sheet.checking import read_mapping
from services.ingest.domain.formats.sheet.mapping import AnyMapping
from services.ingest.mappings import Mappings, Stored
from shared.errors import RetryableError
from shared.identity import Caller, caller_of

PATH = "/v1/mappings"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_NAME = re.compile(NAME, re.ASCII)


class MappingBody(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping that is kept; `version` is told with every upload that is read by it."""

    name: str
    version: int
    at: datetime
    by: str
    mapping: msgspec.Raw


class MappingLine(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping in the list."""

    name: str
    version: int
    at: datetime
    by: str
    title: str
    type: str
    source: str


class MappingList(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's mappings, by name."""

    items: list[MappingLine]


class PutMapping:
    """Serves `PUT /v1/mappings/{name}` (ASGI)."""

    def __init__(self, desk: Desk, mappings: Mappings, *, max_bytes: int, max_mappings: int) -> None:
        self._desk = desk
        self._mappings = mappings
        self._max_bytes = max_bytes
        self._max_mappings = max_mappings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = read_head(scope["headers"])
        body = RequestBody(head, receive, max_expansion=self._desk.max_expansion)
        try:
            with self._desk.in_hand.share() as share:
                answer = await self._answer(scope["path_params"]["name"], head, body, share, caller_of(scope))
        except BusyError:
            answer = answers.problem(answers.busy())
        except ClientGoneError:
            return
        count_request(answer.status)
        await send_answer(answer, body, send, self._desk.body_timeout_s)

    async def _answer(self, name: str, head: Head, body: RequestBody, share: Share, caller: Caller) -> Answer:
        if fault := _name_fault(name) or _media_fault(head.content_types):
            return answers.problem(fault)
        content = await body.read(self._max_bytes, self._desk.body_timeout_s, share)
        mapping = content if isinstance(content, Fault) else read_mapping(content)
        if isinstance(mapping, Fault):
            return answers.problem(mapping)
        if not caller.owns(mapping.source):
            return answers.problem(not_your_source(mapping.source))
        return await self._put(name, mapping, caller)

    async def _put(self, name: str, mapping: AnyMapping, caller: Caller) -> Answer:
        if not self._mappings.is_read:
            return answers.problem(_not_read())
        there = self._mappings.get(caller.tenant, name)
        if there is not None and there.mapping == mapping:
            return _one(HTTPStatus.OK, there)
        if there is None and len(self._mappings.of(caller.tenant)) >= self._max_mappings:
            return answers.problem(_too_many(self._max_mappings))
        try:
            stored = await self._mappings.put(caller.tenant, name, caller.subject, mapping)
        except RetryableError as error:
            return answers.problem(_not_kept(error))
        return _one(HTTPStatus.OK if there else HTTPStatus.CREATED, stored)


class ShowMappings:
    """Lists, shows and removes."""

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings

    async def list(self, request: Request) -> Response:
        """Serve `GET /v1/mappings`."""
        if not self._mappings.is_read:
            return _response(answers.problem(_not_read()))
        return _response(_listed(self._mappings.of(caller_of(request).tenant)))

    async def show(self, request: Request) -> Response:
        """Serve `GET /v1/mappings/{name}`."""
        found = self._found(request)
        return _response(answers.problem(found) if isinstance(found, Fault) else _one(HTTPStatus.OK, found))

    async def remove(self, request: Request) -> Response:
        """Serve `DELETE /v1/mappings/{name}`."""
        found = self._found(request)
        if isinstance(found, Fault):
            return _response(answers.problem(found))
        try:
            await self._mappings.remove(caller_of(request).tenant, found.name)
        except RetryableError as error:
            return _response(answers.problem(_not_kept(error)))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _found(self, request: Request) -> Stored | Fault:
        if not self._mappings.is_read:
            return _not_read()
        name = request.path_params["name"]
        return self._mappings.get(caller_of(request).tenant, name) or no_mapping(name)


def _one(status: int, stored: Stored) -> Answer:
    mapping = msgspec.Raw(msgspec.json.encode(stored.mapping))
    told = MappingBody(name=stored.name, version=stored.version, at=stored.at, by=stored.by, mapping=mapping)
    return Answer(status, msgspec.json.encode(told), JSON, {"location": f"{PATH}/{stored.name}"})


def _listed(mappings: Sequence[Stored]) -> Answer:
    items = [
        MappingLine(
            name=each.name,
            version=each.version,
            at=each.at,
            by=each.by,
            title=each.mapping.title,
            type=each.mapping.type,
            source=each.mapping.source,
        )
        for each in mappings
    ]
    return Answer(HTTPStatus.OK, msgspec.json.encode(MappingList(items=items)), JSON)


def _response(answer: Answer) -> Response:
    content = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return Response(content, answer.status, answer.headers, answer.content_type)


def _too_many(most: int) -> Fault:
    detail = f"There are at most {most}; remove one that is not needed any more."
    return Fault(title="There are too many mappings", status=HTTPStatus.CONFLICT, detail=detail)


def _not_read() -> Fault:
    return Fault(title="Mappings are not read yet", status=HTTPStatus.SERVICE_UNAVAILABLE, detail="Try again shortly.")


def _not_kept(error: RetryableError) -> Fault:
    detail = f"{error}. It may have been kept all the same; ask again after {RETRY_AFTER_S} s."
    return Fault(title="The mapping was not kept in time", status=HTTPStatus.SERVICE_UNAVAILABLE, detail=detail)


def _name_fault(name: str) -> Fault | None:
    if _NAME.fullmatch(name):
        return None
    detail = "1 to 64 letters, digits, dots, hyphens and underscores; the first a letter or digit"
    return Fault(
        title="The request is not valid", status=422, errors=(Flaw(pointer="/path/name", detail=f"not {detail}"),)
    )


def _media_fault(content_types: list[str]) -> Fault | None:
    media_type = content_types[0].partition(";")[0].strip().lower() if len(content_types) == 1 else ""
    return None if media_type == JSON else wrong_media_type(f"send {JSON}")
