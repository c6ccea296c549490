"""What the demo prints: the story as it is heard by webhook, then the summary. Plain lines without a terminal."""

from calendar import month_abbr
from collections.abc import Mapping
from typing import Any, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lanewatch.demo.summary import LANES
from lanewatch.screen import console
from lanewatch.stack import StackConfig

COLOURS = {"flowing": "green", "constrained": "yellow", "restricted": "red", "dormant": "dim"}
LANE_WIDTH, STATE_WIDTH = 28, 12


class StoryScreen:
    """Prints what the subscribers hear, above a line of progress that shows the simulated date."""

    def __init__(self, days: int) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[date]}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.total} days"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=days, date="2025")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def day(self, date: str) -> None:
        """Show how far the replay is."""
        self._progress.update(self._task, advance=1, date=date)

    def hear(self, alert: Mapping[str, Any]) -> None:
        """Print an alert that arrived, if it is of a shown lane or from an authority."""
        line = line_of(alert)
        if line is not None:
            console.print(line, soft_wrap=True)


def line_of(alert: Mapping[str, Any]) -> Text | None:
    """Return an alert as one line, or None for lanes that are not shown."""
    data, date = alert["data"], alert["time"][:10]
    if alert["type"] != "lanewatch.lane.changed":
        return Text.assemble((f"{date}  ", "bold"), (data["headline"], "cyan"))
    if data["lane_id"] not in LANES:
        return None
    why = data["reasons"][-1]["says"] if data["reasons"] else "as before"
    state = (f"{data['state']:{STATE_WIDTH}} ", f"bold {COLOURS[data['state']]}")
    return Text.assemble((f"{date}  ", "bold"), f"{data['lane_id']:{LANE_WIDTH}} ", state, why)


def summary(proper: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Print the summary: counts, the table of states, the audit, and what is of this run only."""
    console.print()
    console.print(_states(proper["states"]))
    events = proper["events"]
    _line("Events", f"{events['told']:,} posted, {_counts(events['by_status'])}")
    _line("Decisions", _counts(proper["decisions"]))
    early = proper["declared_before_their_licence"]
    _line("Parked", f"{sum(early.values())} waited for a licence that came later, then {_counts(early)}")
    _line("Ledger entries", _counts(proper["ledger_entries"]))
    _line("Lane changes", _counts(proper["lane_changes"]))
    _line("Alerts", f"{sum(proper['alerts'].values()):,}")
    _line("Deliveries", f"{_counts(proper['deliveries'])}; {_counts(proper['webhooks'])}; doubled {proper['doubled']}")
    _audit(proper)
    _this_run(run)


def how_to_stop(demo: StackConfig) -> None:
    """Print how to stop the stack that was left running."""
    console.print(f"Stop it: LANEWATCH_STATE_DIR={demo.state_dir} lanewatch down", soft_wrap=True)


def _states(states: Mapping[str, Mapping[str, str]]) -> Table:
    table = Table(
        title="State at each month's end", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("")
    for lane_id in states:
        group, _, destination = lane_id.split(":")
        heading = "\n".join((group.replace("-", "-\n"), destination))
        table.add_column(heading, no_wrap=True)
    for month in next(iter(states.values())):
        cells = [Text(by_month[month], COLOURS[by_month[month]]) for by_month in states.values()]
        table.add_row(month_abbr[int(month[5:])], *cells)
    return table


def _audit(proper: Mapping[str, Any]) -> None:
    wrong = {name: count for name, count in proper["audit"].items() if count}
    if wrong:
        console.print(Text(f"Audit: NOT clean: {_counts(wrong)}", "bold red"), soft_wrap=True)
        return
    says = "every event accounted for, ledger sums equal balances, every delivery received, every signature verified"
    console.print(Text.assemble(("Audit: clean", "bold green"), f" ({says})"), soft_wrap=True)


def _this_run(run: Mapping[str, Any]) -> None:
    spent = ", ".join(f"{name} {value:.1f} s" for name, value in run["seconds"].items())
    _line("This run", spent)
    _line("", f"{run['events_posted']:,} events posted, {run['duplicates_absorbed']:,} duplicates absorbed so far")
    if run["duplicates_absorbed"] >= run["events_posted"]:
        _line("", "the story was told before, so nothing changed; make clean forgets it")
    heard = run["seconds_to_webhook"]
    if heard:
        _line("", f"from receipt to webhook: {heard['median']} s at the median, {heard['longest']} s at most")


def _line(name: str, value: str) -> None:
    console.print(Text.assemble((f"{name:15}", "bold"), value), soft_wrap=True)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"
