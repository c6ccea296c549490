"""Files that come in parts, over as many connections as it takes: `POST /v1/files`, and each file under it.

Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload-12), but for interim responses, which the server cannot
send. Lines are published while they come; a spreadsheet's rows once all of it is here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.answers import JSON, Answer
from services.ingest.api.body import BodyError, ClientGoneError, RequestBody
from services.ingest.api.counting import count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.file_answers import (
    PATH,
    fields,
    held,
    job,
    limits,
    no_such_file,
    not_kept,
    part_refused,
    part_taken,
    with_job,
)
from services.ingest.api.file_request import Wanted, fields_of, part_fault, read_wanted
from services.ingest.api.file_results import FileLines
from services.ingest.api.file_sheets import FileSheets, as_kept
from services.ingest.api.file_work import Adding, FileWork
from services.ingest.api.head import read_head
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.rates import allowance_of
from services.ingest.api.stream import LineStream
from services.ingest.api.taking import Desk
from services.ingest.api.upload_request import EXCEL
from services.ingest.api.uploads import SheetLimits
from services.ingest.domain.faults import Fault
from services.ingest.domain.files import (
    COMPLETE,
    LIMIT,
    File,
    Part,
    State,
    misfit,
    read_part,
    size_fault,
    with_part,
    with_piece,
)
from services.ingest.domain.media import LINES_TYPE
from services.ingest.kept_files import HeldError, KeptFiles
from services.ingest.mappings import Stored
from shared.identity import caller_of

__all__ = ["PATH", "Files"]


class _Request(NamedTuple):
    scope: Scope
    adding: Adding
    share: Share
    body: RequestBody


class Files:
    """Serves the routes (ASGI)."""

    def __init__(self, desk: Desk, kept: KeptFiles, work: FileWork, sheets: FileSheets, sizes: SheetLimits) -> None:
        self._desk = desk
        self._kept = kept
        self._work = work
        self._sheets = sheets
        self._sizes = sizes
        self._methods: dict[str, Callable[[_Request], Awaitable[Answer]]] = {
            "OPTIONS": self._discover,
            "POST": self._create,
            "PATCH": self._append,
            "HEAD": self._tell_offset,
            "GET": self._show,
            "DELETE": self._remove,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        adding = Adding()
        # One body for all of the request: it knows at the end whether the connection may stay.
        head = read_head(scope["headers"])
        body = RequestBody(head, adding.until_told(receive), max_expansion=self._desk.max_expansion)
        try:
            with self._desk.in_hand.share() as share:
                answer = await self._methods[scope["method"]](_Request(scope, adding, share, body))
        except BusyError:
            answer = self._refused(scope, answers.busy())
        except HeldError:
            answer = self._refused(scope, held())
        except OSError as error:
            answer = self._refused(scope, not_kept(error.strerror or repr(error)))
        except ClientGoneError:
            return
        count_request(answer.status)
        if scope["method"] == "HEAD" and isinstance(answer.body, bytes):
            answer = Answer(answer.status, b"", answer.content_type, answer.headers)
        await send_answer(answer, body, send, self._desk.body_timeout_s)

    def _refused(self, scope: Scope, fault: Fault) -> Answer:
        """Answer what nothing was taken of, with how far the file is if there is one."""
        found = None
        if "file" in scope["path_params"]:
            with suppress(OSError):
                found = self._found(scope)
        return part_refused(fault, self._not_added(found) if found else {})

    async def _discover(self, _: _Request) -> Answer:
        return Answer(HTTPStatus.NO_CONTENT, b"", JSON, {LIMIT: limits(None, int(self._kept.expire_s))})

    async def _create(self, request: _Request) -> Answer:
        head = fields_of(request.scope)
        part = read_part(head, request.body.announced, is_first=True)
        if isinstance(part, Fault):
            return answers.problem(part)
        wanted = read_wanted(head, request.scope["query_string"])
        if isinstance(wanted, Fault):
            return answers.problem(wanted)
        tenant = caller_of(request.scope).tenant
        stored = None if wanted.sheet is None else self._sheets.mapping_for(tenant, wanted.sheet)
        if isinstance(stored, Fault):
            return answers.problem(stored)
        if fault := size_fault(part.length or 0, self._max_bytes(wanted.media_type)):
            return part_refused(fault, {LIMIT: limits(self._max_bytes(wanted.media_type))})
        new = self._file(request.scope, wanted, part, stored)
        file = await asyncio.to_thread(self._kept.create, new, None if stored is None else as_kept(stored))
        if isinstance(file, str):
            return answers.problem(not_kept(file))
        with self._work.adding(file.id, request.adding):
            answer = await self._add(file, part, request, is_first=True)
        return self._worked_off(file.id, answer, request)

    def _file(self, scope: Scope, wanted: Wanted, part: Part, stored: Stored | None) -> File:
        caller = caller_of(scope)
        return File(
            id="",
            tenant=caller.tenant,
            subject=caller.subject,
            sources=caller.sources,
            media_type=wanted.media_type,
            sheet=wanted.sheet and msgspec.structs.replace(wanted.sheet, version=stored.version if stored else None),
            length=part.length,
            touched=0,
        )

    async def _append(self, request: _Request) -> Answer:
        head = fields_of(request.scope)
        part = part_fault(head) or read_part(head, request.body.announced, is_first=False)
        if isinstance(part, Fault):
            return self._refused(request.scope, part)
        if (found := self._found(request.scope)) is None:
            return answers.problem(no_such_file())
        if found.state is not State.RECEIVING and (fault := misfit(found, part)):
            return part_refused(fault, self._not_added(found))  # Who works on it has it for long.
        await self._work.interrupt(found.id)
        with self._work.adding(found.id, request.adding):
            file = self._found(request.scope)
            if file is None:
                return answers.problem(no_such_file())
            if fault := misfit(file, part, request.body.announced):
                return part_refused(fault, self._not_added(file))
            length = part.length if part.length is not None else file.length
            file = msgspec.structs.replace(file, length=length, touched=time.time())
            self._kept.write(file)
            answer = await self._add(file, part, request, is_first=False)
        return self._worked_off(file.id, answer, request)

    def _worked_off(self, id_: str, answer: Answer, request: _Request) -> Answer:
        """Begin with the rows of a spreadsheet that is whole, now that nobody holds it."""
        if answer.status == HTTPStatus.ACCEPTED:
            self._work.work(id_, allowance_of(request.scope))
        return answer

    async def _add(self, file: File, part: Part, request: _Request, *, is_first: bool) -> Answer:
        taken = self._take_lines if file.sheet is None else self._store
        file, fault = await taken(file, part, request)
        if fault is None:
            done = with_part(file, part)
            file, fault = (file, done) if isinstance(done, Fault) else (done, None)
        file = msgspec.structs.replace(file, touched=time.time())
        if file.state is State.WORKING:  # The client will throw its file away.
            await asyncio.to_thread(self._kept.write_safely, file)
        else:
            self._kept.write(file)
        if file.state is State.FAILED:
            self._kept.content(file.id).unlink(missing_ok=True)
        if fault:
            where = {"location": f"{PATH}/{file.id}"} if is_first else {}
            return part_refused(fault, self._fields(file) | where)
        answer = part_taken(file, self._fields(file), is_first=is_first)
        return answer if answer.status == HTTPStatus.NO_CONTENT else with_job(answer, file, self._kept.expire_s)

    async def _take_lines(self, file: File, part: Part, request: _Request) -> tuple[File, Fault | None]:
        """Publish the lines of a part. Raises ClientGoneError, after what is known is kept."""
        before = file
        begun = msgspec.structs.replace(file, offset=file.offset - len(file.rest) - file.thrown, rest=b"", thrown=0)
        results = FileLines(begun, self._kept)
        caller = caller_of(request.scope)
        desk = self._desk
        stream = LineStream(desk.publisher, desk.limits, request.share, results, caller, allowance_of(request.scope))
        stream.go_on(file.lines, file.rest, file.thrown)
        try:
            stopped = await stream.publish(request.body, desk.body_timeout_s, is_last=part.is_last, room=file.room)
        except ClientGoneError:
            if results.file is not begun:
                results.keep()
            raise
        results.close()
        fault = results.fault or (stopped.problem if stopped else None)
        if fault:
            return (before if results.file is begun else results.file), fault
        rest, thrown = stream.begun
        offset = results.file.offset + len(rest) + thrown
        return msgspec.structs.replace(results.file, offset=offset, rest=rest, thrown=thrown), None

    async def _store(self, file: File, _: Part, request: _Request) -> tuple[File, Fault | None]:
        """Keep the bytes of a part; what is written of it stays, whatever happens to the rest."""
        fault: Fault | None = None
        # Not buffered: what is measured on the disk is what was taken.
        with self._kept.content(file.id).open("ab", buffering=0) as content:
            try:
                async for piece in request.body.stream(self._desk.body_timeout_s):
                    grown, fault = with_piece(file, len(piece), self._max_bytes(file.media_type))
                    if fault:
                        return grown, fault
                    if not self._kept.take(len(piece)):
                        return file, not_kept("the space for files is used up")
                    rest = memoryview(piece)
                    while rest:
                        rest = rest[content.write(rest) :]
                    file = grown
            except BodyError as error:
                fault = error.fault
        return file, fault

    async def _tell_offset(self, request: _Request) -> Answer:
        if (found := self._found(request.scope)) is None:
            return answers.problem(no_such_file())
        await self._work.interrupt(found.id)
        file = self._found(request.scope)
        return answers.problem(no_such_file()) if file is None else Answer(204, b"", JSON, self._fields(file))

    async def _show(self, request: _Request) -> Answer:
        if (file := self._found(request.scope)) is None:
            return answers.problem(no_such_file())
        return Answer(200, msgspec.json.encode(job(file, self._kept.expire_s)), JSON, self._fields(file))

    async def _remove(self, request: _Request) -> Answer:
        if (file := self._found(request.scope)) is None:
            return answers.problem(no_such_file())
        await self._work.interrupt(file.id)
        await self._work.leave(file.id)
        with self._kept.holding(file.id):
            self._kept.remove(file.id)
        return Answer(HTTPStatus.NO_CONTENT, b"", JSON)

    def _found(self, scope: Scope) -> File | None:
        caller = caller_of(scope)
        return self._kept.find(scope["path_params"]["file"], caller.tenant, caller.subject)

    def _fields(self, file: File) -> dict[str, str]:
        return fields(file, self._kept.expire_s, self._max_bytes(file.media_type))

    def _not_added(self, file: File) -> dict[str, str]:
        # Such an answer says nothing of whether the file is complete; it is not the last word on it.
        return self._fields(file) | {COMPLETE: "?0"}

    def _max_bytes(self, media_type: str) -> int | None:
        if media_type == LINES_TYPE:
            return None
        return self._sizes.workbook_bytes if media_type == EXCEL else self._sizes.text_bytes
