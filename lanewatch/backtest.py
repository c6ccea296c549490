"""`lanewatch policy backtest`: asks a rulebook of all recorded decisions, shows how far it is and what would change."""

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lanewatch import rulebooks
from lanewatch.screen import console
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from services.licensing.backtesting.progress import CHANGES, STATE, State
from services.licensing.backtesting.run import backtest
from services.licensing.backtesting.workers import Job
from services.licensing.domain.monitoring.backtesting import OfRule
from services.licensing.domain.policy import read_policy
from services.licensing.settings import LicensingSettings
from services.licensing.store.recorded import Span
from shared.errors import RetryableError

TOLD_EVERY = 10
"""Without a terminal a line is printed for each so many percent."""
COLUMNS = ("rule", "speaks", "spoke", "fails", "stricter", "milder")


@dataclass(frozen=True)
class Result:
    """What came of a backtest, and where it is kept."""

    state: State
    folder: Path
    version: str


def run(
    config: StackConfig, file: Path, since: datetime | None, until: datetime | None, *, is_anew: bool, is_quiet: bool
) -> Result:
    """Return what a rulebook would have decided otherwise; goes on where an earlier run was stopped.

    Raises StackError when the rulebook is at fault or the database away, KeyboardInterrupt when stopped.
    """
    candidate = rulebooks.read(file)
    span = Span(*(at and (at if at.tzinfo else at.replace(tzinfo=UTC)) for at in (since, until)))
    settings = LicensingSettings(database_url=os.environ.get("LANEWATCH_DATABASE_URL", config.database_url))
    job = Job(settings.database_url, read_policy(settings.licensing_policy.read_bytes()), candidate, span)
    name = hashlib.sha256(msgspec.json.encode((candidate, span))).hexdigest()[:12]
    folder = config.state_dir / "backtests" / name
    if is_anew:
        shutil.rmtree(folder, ignore_errors=True)
    with _Shown(is_quiet=is_quiet) as shown:
        try:
            state = asyncio.run(backtest(job, folder, shown.tell))
        except RetryableError as error:
            raise StackError(f"{error}. Is the stack up? What was done is kept.") from error
        except KeyboardInterrupt:
            done = shown.latest
            at = f" at {done.done:,} of {done.total:,}" if done else ""
            raise StackError(f"Stopped{at}. The same command goes on from there.") from None
    return Result(state, folder, candidate.version)


class _Shown:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, *, is_quiet: bool) -> None:
        self.latest: State | None = None
        self._is_quiet = is_quiet
        self._told = -TOLD_EVERY
        self._bar = Progress(
            TextColumn("decisions"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[changed]:,} changed"),
            console=console,
            transient=True,
            disable=is_quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, changed=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, state: State) -> None:
        """Show how far it is."""
        self.latest = state
        self._bar.update(self._task, total=state.total, completed=state.done, changed=state.tally.changed)
        percent = 100 if not state.total else state.done * 100 // state.total
        if not self._is_quiet and not console.is_terminal and percent >= self._told + TOLD_EVERY:
            self._told = percent
            console.print(f"{state.done:,} of {state.total:,} decisions, {state.tally.changed:,} would change")


def show(found: Result) -> None:
    """Print what would change, by rule, with examples."""
    tally = found.state.tally
    if tally.by_rule:
        console.print(_by_rule(tally.by_rule))
    for rule, of in tally.by_rule.items():
        for decision_id, was, would_be, says in of.examples:
            console.print(f"  {escape(rule)}: {escape(decision_id)} {was} > {would_be}: {escape(says)}", soft_wrap=True)
    for why, number in tally.not_asked.items():
        console.print(f"{number:,} decisions were not asked about: {why}.")
    moves = ", ".join(f"{number:,} {move}" for move, number in sorted(tally.by_outcome.items()))
    told = f"{tally.changed:,} of {tally.asked:,} decisions would be others under {escape(found.version)}"
    console.print(f"{told}{f' ({moves})' if moves else ''}.", style="bold", soft_wrap=True)
    if tally.changed:
        console.print(f"All of them: {found.folder / CHANGES}", soft_wrap=True)


def as_dict(found: Result) -> dict[str, Any]:
    """Return the result for programs."""
    changes = {"changes": str(found.folder / CHANGES), "state": str(found.folder / STATE)}
    return {"version": found.version, "total": found.state.total, **msgspec.to_builtins(found.state.tally), **changes}


def _by_rule(rules: dict[str, OfRule]) -> Table:
    table = Table(box=None, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "rule" else "right")
    for rule, of in sorted(rules.items(), key=lambda item: -(item[1].stricter + item[1].milder)):
        table.add_row(escape(rule), *(f"{getattr(of, name):,}" for name in COLUMNS[1:]))
    return table
