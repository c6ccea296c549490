"""Takes the rows of one sheet, makes events of them by a mapping, and publishes them while more rows come."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

from services.ingest.api.allowing import allowed
from services.ingest.api.answers import Answer, busy, problem
from services.ingest.api.body import ClientGoneError
from services.ingest.api.in_hand import BusyError, Share
from services.ingest.api.line_answers import LineResults, unavailable
from services.ingest.api.rates import Allowance
from services.ingest.api.sheet_answers import MappingUsed, RowsResult, SheetSummary, StoppedRows, published, tried
from services.ingest.api.sheet_sources import Rows
from services.ingest.api.windows import Windows
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.sheet.cells import Row
from services.ingest.domain.formats.sheet.translating import Made, Translator
from services.ingest.publisher import Publisher, Result
from shared.identity import Caller

ROWS_AT_ONCE = 20
"""So few that other requests have their turn every few milliseconds."""
EVENTS_SHOWN = 100
"""Of a dry run; the others are only counted and judged."""


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    mapping: MappingUsed
    caller: Caller
    allowance: Allowance
    outcome: str
    is_dry: bool


class SheetStream:
    """The rows of one request, from the first to the answer."""

    def __init__(
        self, publisher: Publisher, translator: Translator, share: Share, results: LineResults, wish: Wish
    ) -> None:
        self._publisher = publisher
        self._translator = translator
        self._share = share
        self._results = results
        self._wish = wish
        self._windows: Windows[list[Made]] = Windows(publisher, share, self._tell)
        self._held = 0
        self._after = 1
        """The row from which on nothing was handed over."""
        self._shown = 0
        self._stopped: Fault | None = None

    async def take(self, rows: Rows) -> Answer:
        """Publish what all rows make, and return what became of it. Raises ClientGoneError."""
        try:
            async for batch in rows.batches():
                self._let_go()
                await self._take(iter(batch))
                self._hold(rows.held + self._translator.held)
                if self._stopped:
                    break
            else:
                self._let_go()
                # A shipment that may still go on when the rows break off is not known to be whole.
                if not rows.fault:
                    await self._hand_over(list(self._translator.finish()))
        except ClientGoneError:
            await self._windows.settle()
            self._results.close()
            raise
        await self._windows.settle()
        return self._answer(self._stopped or self._translator.fault or rows.fault)

    async def _take(self, rows: Iterator[Row]) -> None:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            await self._hand_over([made for row in some for made in self._translator.take(row)])
            if self._stopped or self._translator.fault:
                self._stopped = self._stopped or self._translator.fault
                return

    async def _hand_over(self, made: list[Made]) -> None:
        if made:
            await (self._try(made) if self._wish.is_dry else self._publish(made))
        # What is sent is sent by tasks; without a pause they, and other requests, would not come to their turn.
        await asyncio.sleep(0)

    async def _publish(self, window: list[Made]) -> None:
        size = sum(each.size for each in window)
        try:
            self._share.take(size)
        except BusyError:
            self._stopped = busy()
            return
        if spent := await self._wish.allowance.wait_for(len(window)):
            self._share.give_back(size)
            self._stopped = spent
            return
        made = [each._replace(item=allowed(self._wish.caller, each.item)) for each in window]
        is_away = await self._windows.hand_over(made, [each.item for each in made], size)
        self._after = window[-1].last + 1
        self._stopped = unavailable("Kafka does not acknowledge") if is_away else self._results.full

    async def _try(self, window: list[Made]) -> None:
        for each in window:
            item = allowed(self._wish.caller, each.item)
            result = tried(each._replace(item=item), is_shown=self._shown < EVENTS_SHOWN)
            self._shown += result.event is not None
            self._results.add([result])
        self._after = window[-1].last + 1
        self._stopped = self._results.full

    def _tell(self, window: list[Made], results: Sequence[Result | None]) -> list[int]:
        told: list[RowsResult] = [published(made, result) for made, result in zip(window, results, strict=True)]
        self._results.add(told)
        return [result.status for result in told]

    def _hold(self, size: int) -> None:
        """Count what is here of rows and shipments that are not whole."""
        try:
            self._share.take(size)
        except BusyError:
            self._stopped = self._stopped or busy()
        else:
            self._held = size

    def _let_go(self) -> None:
        self._share.give_back(self._held)
        self._held = 0

    def _answer(self, fault: Fault | None) -> Answer:
        translator, layout = self._translator, self._translator.layout
        if layout is None:
            self._results.close()
            return problem(fault or translator.fault or busy())
        summary = SheetSummary(
            accepted=self._results.accepted,
            refused=self._results.refused,
            rows=translator.rows,
            skipped=translator.skipped,
            mapping=self._wish.mapping,
            header_row=layout.row,
            mapped=layout.mapped,
            unmapped=layout.unmapped,
            topic=None if self._wish.is_dry else self._publisher.topic,
            outcome=None if self._wish.is_dry else self._wish.outcome,
            is_dry_run=self._wish.is_dry,
            stopped=StoppedRows(row=max(self._after, layout.row + 1), problem=fault) if fault else None,
        )
        return self._results.answer_with(summary, fault, HTTPStatus.OK if self._wish.is_dry else None)
