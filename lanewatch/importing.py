"""`lanewatch import`: sends a register of licences to licensing, shows what it changes, and waits until it has."""

import time
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape
from rich.table import Table

from lanewatch.screen import console
from lanewatch.sending import in_words
from lanewatch.stack.config import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
TIMEOUT_S = 120.0
SETTLING_S = 60.0
PLANNED, IMPORTED, UNDER_WAY, UNIMPORTABLE = 200, 202, 409, 422


def import_register(config: StackConfig, file: Path, *, sheet: str | None, is_dry: bool) -> dict[str, Any]:
    """Return licensing's answer; of a real import with what became of its events as `status`.

    Raises StackError when the file or the stack is not there, or something else is refused.
    """
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise StackError(f"{file} is neither a .csv nor an .xlsx file.")
    params = {"dry_run": str(is_dry).lower(), **({"sheet": sheet} if sheet else {})}
    try:
        with httpx.Client(base_url=config.url_of("licensing"), timeout=TIMEOUT_S, headers=headers(config)) as client:
            answer = _sent(client, params, file.read_bytes(), media_type)
            if answer.get("number"):
                answer["status"] = _settled(client, answer["outcome"])
    except httpx.HTTPStatusError as error:
        raise StackError(f"Licensing refuses: {in_words(error.response)}") from error
    except httpx.TransportError as error:
        raise StackError("The import needs the running stack: lanewatch up, with the same ports.") from error
    return answer


def is_clean(answer: dict[str, Any]) -> bool:
    """Return whether nothing was at fault, nothing refused, and all that was imported is applied."""
    counts = answer["counts"]
    return not (counts["faults"] or counts["refused"] or answer.get("status", {}).get("unapplied"))


def _sent(client: httpx.Client, params: dict[str, str], data: bytes, media_type: str) -> dict[str, Any]:
    """Post the file; while an import before it is still being taken in, try again."""
    give_up = time.monotonic() + SETTLING_S
    while True:
        headers = {"content-type": media_type}
        response = client.post("/v1/imports/licences", params=params, content=data, headers=headers)
        if response.status_code != UNDER_WAY or time.monotonic() > give_up:
            break
        time.sleep(0.5)
    answer: dict[str, Any] = response.json()
    if response.status_code in (PLANNED, IMPORTED) or (response.status_code == UNIMPORTABLE and "counts" in answer):
        return answer
    raise StackError(f"{answer['title']}. {answer.get('detail', '')}")


def _settled(client: httpx.Client, outcome: str) -> dict[str, Any]:
    """Return what became of an import, as far as it is known after a while."""
    give_up = time.monotonic() + SETTLING_S
    while True:
        found: dict[str, Any] = client.get(outcome).raise_for_status().json()
        if not found["events_by_status"].get("waiting") or time.monotonic() > give_up:
            return found
        time.sleep(0.2)


def show(answer: dict[str, Any]) -> None:
    """Print changes and faults as tables, and in a sentence what was done."""
    if answer["changes"]:
        console.print(_changes(answer["changes"]))
    if answer.get("faults"):
        console.print(_faults(answer["faults"]))
    counts = answer["counts"]
    named = ("new", "amended", "opening", "unchanged", "refused")
    console.print(", ".join(f"{counts[name]:,} {name}" for name in named) + f"; {counts['faults']:,} faults.")
    console.print(_done(answer), style="bold")


def _changes(changes: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("rows", "licence", "", "field", "is", "will be"):
        table.add_column(heading)
    for change in changes:
        rows = change["rows"]
        span = str(rows[0]) if len(rows) == 1 else f"{rows[0]} … {rows[-1]}"
        head = (span, escape(change["licence_id"]), change["what"])
        if change["what"] == "refused":
            table.add_row(*head, "", "", f"[red]{escape(change['reason'])}[/]")
            continue
        # Everything is new in a new licence; its lines tell it from others.
        shown = [d for d in change["differences"] if change["what"] != "new" or d["field"].startswith("line")]
        for index, difference in enumerate(shown):
            cells = (escape(difference[name]) for name in ("field", "old", "new"))
            table.add_row(*(head if index == 0 else ("", "", "")), *cells)
    return table


def _faults(faults: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold red")
    for heading in ("row", "column", "value", "fault"):
        table.add_column(heading)
    for fault in faults:
        row = "" if fault["row"] is None else str(fault["row"])
        table.add_row(row, fault["column"] or "", escape(fault["value"]), escape(fault["reason"]))
    return table


def _done(answer: dict[str, Any]) -> str:
    if "number" not in answer:
        if answer["is_importable"]:
            return "Nothing was imported; without --dry-run this would be."
        return "Nothing was imported; it takes a file without faults and refusals."
    if answer["number"] is None:
        return "Licensing has all of this already; nothing was to be imported."
    unapplied = answer["status"]["unapplied"]
    if not unapplied:
        return f"Imported as number {answer['number']}; all {len(answer['events'])} events are applied."
    first = unapplied[0]
    reason = f": {first['reason']}" if first["reason"] else ""
    which = f"the first, of licence {first['licence_id']}, is {first['status']}{reason}"
    return f"Imported as number {answer['number']}; {len(unapplied)} events are not applied: {which}"
