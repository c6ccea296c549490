"""What `lanewatch policy` prints: faults under their lines, what rules take, what changes, what was said."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lanewatch import rulebooks
from lanewatch.policies import Plan
from lanewatch.rulebooks import Fault, RulebookAtFault
from lanewatch.screen import console

WIDTH = 100
"""So many characters of a long line are shown around its fault."""
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def faults(error: RulebookAtFault) -> None:
    """Print every fault with its file and places; a condition's line with a caret below."""
    for fault in error.faults:
        _errors.print(f"[red]{escape(f'{error.path}, {rulebooks.told(fault)}')}[/]")
        if fault.text and fault.column is not None:
            text, caret = pointed(fault.text, fault.column)
            _errors.print(f"    {escape(text)}\n    {caret}")


def pointed(text: str, column: int) -> tuple[str, str]:
    """Return a line as it can be printed, cut around a column, and a caret that stands below that column."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    start = max(0, min(column - WIDTH // 2, len(shown) - WIDTH))
    before, after = shown[start : column - 1], shown[column - 1 : start + WIDTH]
    head = "…" * (start > 0) + before
    return head + after + "…" * (start + WIDTH < len(shown)), " " * cell_len(head) + "^"


def faults_as_dict(found: Sequence[Fault]) -> dict[str, Any]:
    """Return faults for programs."""
    return {"faults": [fault._asdict() for fault in found]}


def costs(found: dict[str, Any]) -> None:
    """Print what each rule takes."""
    for rule in found["rules"]:
        by = f"found by {rule['found_by']}" if rule["found_by"] else "always asked"
        head = f"{rule['id']} ({rule['effect']}, {rule['severity']})"
        console.print(f"[bold]{escape(head)}[/]: {_counted(rule['steps'], 'step')}, {by}", soft_wrap=True)
        console.print(f"    {escape(', '.join(rule['uses']) or 'no facts')}", soft_wrap=True)
    told = f"{escape(found['version'])}: {_counted(len(found['rules']), 'rule')}"
    console.print(f"{told}, at most {found['steps']:,} steps on one shipment.", style="bold", soft_wrap=True)


def diff(found: dict[str, Any]) -> None:
    """Print what a rulebook adds to another, takes from it and changes."""
    for sign, name, color in (("+", "added", "green"), ("-", "removed", "red")):
        for rule in found[name]:
            told = f"{sign} {rule['id']} ({rule['effect']}, {rule['severity']}): {rule['when']}"
            console.print(f"[{color}]{escape(told)}[/]", soft_wrap=True)
    for rule in found["changed"]:
        console.print(f"[yellow]~ {escape(rule['id'])}[/]", soft_wrap=True)
        for each in rule["differences"]:
            console.print(f"    {each['field']}", soft_wrap=True)
            console.print(f"    [red]- {escape(each['old'])}[/]\n    [green]+ {escape(each['new'])}[/]", soft_wrap=True)
    counts = ", ".join(f"{len(found[name]):,} {name}" for name in ("added", "removed", "changed"))
    other = f"against {escape(found['against'])}" if found["against"] else "with no rulebook before it"
    told = f"{escape(found['version'])} {other}: {counts}, {found['unchanged']:,} unchanged."
    console.print(told, style="bold", soft_wrap=True)


def plan(planned: Plan) -> None:
    """Print what a roll-out changes, from when on, by whom and why."""
    diff(planned.diff)
    said = planned.event.data
    console.print(f"In force from {said.effective_from.isoformat()}; by {escape(said.by)}: {escape(said.reason)}")


def versions(found: list[dict[str, Any]]) -> None:
    """Print the rulebooks that were rolled out."""
    table = _table("version", "in force", "from", "rules", "rolled out", "by", "reason")
    for each in found:
        by, reason = escape(each["by"]), escape(each["reason"])
        is_now = "[green]now[/]" if each["is_in_force"] else ""
        rolled_out = _minute(each["rolled_out_at"])
        table.add_row(
            escape(each["version"]),
            is_now,
            _minute(each["effective_from"]),
            f"{each['rules']:,}",
            rolled_out,
            by,
            reason,
        )
    console.print(table if found else "No rulebook was rolled out.")


def shown(found: dict[str, Any]) -> None:
    """Print a rulebook with its rules."""
    console.print(f"{escape(found['title'])}", style="bold", soft_wrap=True)
    now = ", in force now" if found["is_in_force"] else ""
    console.print(f"Version {escape(found['version'])} from {_minute(found['effective_from'])}{now}", soft_wrap=True)
    rolled_out = f"Rolled out at {_minute(found['rolled_out_at'])} by {found['by']}: {found['reason']}"
    console.print(escape(rolled_out), soft_wrap=True)
    for rule in found["rules"]:
        head = f"{escape(rule['id'])} ({rule['effect']}, {rule['severity']}), {rule['steps']:,} steps"
        console.print(f"\n[bold]{head}[/]", soft_wrap=True)
        for name in ("when", "says", "remedy", "why"):
            if rule[name]:
                console.print(f"  {name}: {escape(rule[name])}", soft_wrap=True)


def findings(found: list[dict[str, Any]]) -> None:
    """Print what rules said, the latest first."""
    table = _table("at", "decision", "rule", "effect", "rulebook", "says")
    for each in found:
        effect = "[red]failed[/]" if each["has_failed"] else each["effect"]
        texts = (escape(each[name]) for name in ("decision_id", "rule_id"))
        table.add_row(_minute(each["at"]), *texts, effect, escape(each["rulebook"]), escape(each["says"]))
    console.print(table if found else "No rule has said anything of the kind.")


def ending(planned: Plan, status: dict[str, Any]) -> bool:
    """Print what became of a roll-out; return whether it is in the books."""
    version = escape(planned.event.data.version)
    if status["status"] != "decided":
        reason = "; ".join(letter["reason"] for letter in status["dead_letters"]) or status["status"]
        _errors.print(f"[red]{version} was not rolled out: {escape(reason)}[/]")
        return False
    before = " before; nothing was posted" if planned.status["status"] == "decided" else ""
    console.print(f"[bold]{version} is rolled out{before}.[/]", soft_wrap=True)
    return True


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "rules" else "left", overflow="fold")
    return table


def _minute(time: str) -> str:
    return time[:16].replace("T", " ") + time[16:].lstrip(":0123456789.")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
