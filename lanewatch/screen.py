"""What the command prints: progress, addresses, status. Plain lines when the output is not a terminal."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from lanewatch.stack.config import StackConfig
from lanewatch.stack.record import Record

if TYPE_CHECKING:
    from lanewatch.audit import Audit
    from lanewatch.sending import Sent
    from lanewatch.sheets import SheetSending

PARTS_BY_TENTH = 10
EVENTS_SHOWN = 3
MARKS = {"ready": "[green]✔[/]", "stopped": "[dim]·[/]", "failed": "[red]✘[/]"}

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True)


class Progress:
    """Shows one changing picture on a terminal, and a line for each news elsewhere."""

    def __init__(self) -> None:
        self._live = Live(console=console, transient=True, refresh_per_second=12) if console.is_terminal else None
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, what: str, done: int, total: int) -> None:
        """Tell how much of a preparation is done."""
        share = f" {done}/{total}" if total > 1 else " …"
        if self._live:
            self._live.update(f"{what}{share}")
        elif done in (0, total) or done % PARTS_BY_TENTH == 0:
            console.print(f"{what}{share}")

    def watch(self, latest: Record) -> None:
        """Tell how the parts fare."""
        states = {name: part.state for name, part in latest.parts.items()}
        if self._live:
            self._live.update(_picture(states))
            return
        for name, state in states.items():
            if self._told.get(name) != state:
                console.print(f"{name}: {state}")
        self._told = states


def _picture(states: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, state in states.items():
        table.add_row(MARKS.get(state, "[yellow]…[/]"), name, state)
    return table


def addresses(config: StackConfig, *, is_new: bool) -> None:
    """Print where everything is."""
    console.print("Lanewatch is up." if is_new else "Lanewatch is up already.", style="bold green")
    table = Table.grid(padding=(0, 2))
    for name in config.services:
        table.add_row(f"  {name}", config.url_of(name), f"{config.url_of(name)}/docs")
    table.add_row("  kafka", config.bootstrap)
    table.add_row("  postgres", f"127.0.0.1:{config.postgres_port}", f"user and database {config.database}")
    table.add_row("  access", _access(asks_tokens=config.asks_tokens))
    console.print(table)
    console.print(f"  logs in {config.log_dir}", soft_wrap=True)


def _access(*, asks_tokens: bool) -> str:
    return "tokens" if asks_tokens else "open"


def status(found: dict[str, Any]) -> None:
    """Print the status as a table."""
    if not found["running"]:
        console.print("Lanewatch is not running (start it with: lanewatch up).")
        return
    table = Table(box=None, header_style="bold")
    for heading in ("part", "serves", "state", "pid", "restarts", "address"):
        table.add_column(heading)
    for name, part in found["parts"].items():
        serves = "[green]yes[/]" if part["ready"] else "[red]no[/]"
        cells = (part["state"], str(part["pid"] or "-"), str(part["restarts"]), part["address"])
        table.add_row(name, serves, *cells)
    console.print(table)
    console.print(f"access: {_access(asks_tokens=found['asks_tokens'])}")


def audit(found: "Audit") -> None:
    """Print the audit as a table; faults stand out."""
    table = Table.grid(padding=(0, 2))
    for line in found.lines:
        mark = ("[red]GAP[/]" if line.count else "[green]ok[/]") if line.is_fault else ""
        table.add_row(line.what, f"{line.count:,}", mark)
    console.print(table)
    console.print("Clean: every event is accounted for." if found.is_clean else "There are gaps.", style="bold")


@contextmanager
def bar(file: Path) -> Iterator[Callable[[int], None]]:
    """Show how much of a file was sent, on a terminal; yields what is to be told of bytes."""
    total = file.stat().st_size if file.is_file() and file.suffix != ".gz" else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with RichProgress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(file.name, total=total)
        yield lambda size: progress.advance(task, size)


def sent(found: "Sent") -> None:
    """Tell what became of events that were sent."""
    for problem in found.problems:
        console.print(
            f"{problem.file}:{problem.line}: {problem.title} ({problem.status})", soft_wrap=True, markup=False
        )
        for detail in problem.details:
            console.print(f"    {detail}", soft_wrap=True, markup=False)
    console.print(f"{found.accepted:,} accepted, {found.refused:,} refused")


def tried(found: "SheetSending", outcome: "Sent") -> None:
    """Tell what a sheet would make: how its columns are read, the first events, and what would be refused."""
    summary = found.summary
    console.print(f"columns that are read: {', '.join(summary['mapped'])}", soft_wrap=True, markup=False)
    console.print(f"columns that are not:  {', '.join(summary['unmapped']) or '-'}", soft_wrap=True, markup=False)
    for event in found.events[:EVENTS_SHOWN]:
        console.print_json(json.dumps(event))
    sent(outcome)
    console.print("Nothing was sent.", style="bold")


def mappings(found: list[dict[str, Any]]) -> None:
    """Print mappings as a table."""
    table = Table(box=None, header_style="bold")
    for heading in ("mapping", "version", "events", "source", "put by", "at", "title"):
        table.add_column(heading)
    for each in found:
        names = ("name", "version", "type", "source", "by", "at", "title")
        table.add_row(*(escape(str(each[name])) for name in names))
    console.print(table if found else "There is no mapping yet.")
