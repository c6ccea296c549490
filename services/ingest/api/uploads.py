"""Takes spreadsheets of shipments: `POST /v1/uploads?mapping=NAME`."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.answers import Answer
from services.ingest.api.body import ClientGoneError, RequestBody
from services.ingest.api.counting import count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import Head, read_head
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.line_answers import LineResults
from services.ingest.api.rates import Allowance, allowance_of
from services.ingest.api.sheet_answers import MappingUsed
from services.ingest.api.sheet_sources import CsvRows, Rows, spooled, workbook_rows
from services.ingest.api.sheet_stream import SheetStream, Wish
from services.ingest.api.taking import Desk
from services.ingest.api.upload_request import EXCEL, FileKind, Question, not_valid, read_kind, read_question
from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.sheet.csv_text import CsvText
from services.ingest.domain.formats.sheet.translating import Translator
from services.ingest.mappings import Mappings, Stored
from shared.identity import Caller, caller_of
from shared.preferences import preferences

PATH = "/v1/uploads"
SPOOLED_FOR_EACH = 8
"""So many workbooks may be on their way for each that may be read: one that comes slowly keeps no reader."""


class SheetLimits(NamedTuple):
    """How large a workbook may be, packed and unpacked, and how many are read at once; and text that comes in parts."""

    workbook_bytes: int
    expanded_bytes: int
    workbooks: int
    text_bytes: int


class Uploads:
    """Serves the route (ASGI)."""

    def __init__(self, desk: Desk, mappings: Mappings, limits: SheetLimits) -> None:
        self._desk = desk
        self._mappings = mappings
        self._limits = limits
        self._workbooks: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = read_head(scope["headers"])
        body = RequestBody(head, receive, max_expansion=self._desk.max_expansion)
        try:
            with self._desk.in_hand.share() as share:
                answer = await self._answer(scope, head, body, share)
        except BusyError:
            answer = answers.problem(answers.busy())
        except ClientGoneError:
            return
        count_request(answer.status)
        await send_answer(answer, body, send, self._desk.body_timeout_s)

    async def _answer(self, scope: Scope, head: Head, body: RequestBody, share: Share) -> Answer:
        upload = self._begun(scope, head, share)
        if isinstance(upload, Fault):
            return answers.problem(upload)
        if upload.kind.media_type == EXCEL:
            return await self._workbook(upload, body)
        text = CsvText(upload.stored.mapping, upload.kind.charset, upload.kind.delimiter)
        return await self._take(upload, CsvRows(text, body, self._desk.body_timeout_s), is_text=True)

    def _begun(self, scope: Scope, head: Head, share: Share) -> "_Upload | Fault":
        """Return what is asked for, or why it cannot be done, before anything of the body is read."""
        question, kind = read_question(scope["query_string"]), read_kind(head.content_types)
        if isinstance(question, Fault):
            return question
        if isinstance(kind, Fault):
            return kind
        if question.sheet is not None and kind.media_type != EXCEL:
            return not_valid(Flaw(pointer="/query/sheet", detail="a file of text has no sheets"))
        if not self._mappings.is_read:
            return Fault(title="Mappings are not read yet", status=503, detail="Try again shortly.")
        caller = caller_of(scope)
        stored = self._mappings.get(caller.tenant, question.mapping)
        if stored is None:
            return no_mapping(question.mapping)
        return _Upload(question, kind, stored, caller, allowance_of(scope), head, share)

    async def _workbook(self, upload: "_Upload", body: RequestBody) -> Answer:
        with self._room(self._limits.workbooks * SPOOLED_FOR_EACH, "spooled"):
            file = await spooled(body, self._desk.body_timeout_s, self._limits.workbook_bytes)
        if isinstance(file, Fault):
            return answers.problem(file)
        sheet = upload.question.sheet or upload.stored.mapping.file.sheet
        # Only now, for a body may take its time to come.
        with file, self._room(self._limits.workbooks, "read"):
            async with workbook_rows(file, self._limits.expanded_bytes, sheet) as rows:
                return await self._take(upload, rows, is_text=False)

    @contextmanager
    def _room(self, most: int, what: str) -> Iterator[None]:
        """Be one of so many workbooks with which this is done at once. Raises BusyError."""
        if self._workbooks[what] >= most:
            raise BusyError
        self._workbooks[what] += 1
        try:
            yield
        finally:
            self._workbooks[what] -= 1

    async def _take(self, upload: "_Upload", rows: Rows, *, is_text: bool) -> Answer:
        question, _, stored, caller, allowance, head, share = upload
        translator = Translator(
            stored.mapping,
            self._desk.limits,
            is_text=is_text,
            counts_from_1904=rows.counts_from_1904,
            from_row=question.from_row,
        )
        only_refused = preferences(head.wishes).get("return") == "minimal"
        results = LineResults(only_refused=only_refused, spool=share.whole.answers)
        outcome = f"{self._desk.licensing_url}/v1/events{{?source,id}}"
        used = MappingUsed(name=stored.name, version=stored.version)
        wish = Wish(used, caller, allowance, outcome, question.is_dry)
        return await SheetStream(self._desk.publisher, translator, share, results, wish).take(rows)


class _Upload(NamedTuple):
    """One request that can be begun with."""

    question: Question
    kind: FileKind
    stored: Stored
    caller: Caller
    allowance: Allowance
    head: Head
    share: Share


def no_mapping(name: str) -> Fault:
    """Return the fault of a mapping that there is not."""
    return Fault(title="There is no such mapping", status=HTTPStatus.NOT_FOUND, detail=f"No mapping is called {name}.")
