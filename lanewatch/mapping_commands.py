"""The commands of `lanewatch mapping`. Each imports what it needs only when it runs, as those of `cli` do."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lanewatch.stack import StackConfig

mapping = typer.Typer(no_args_is_help=True, help="How the columns of spreadsheets map to events.")

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Name = Annotated[str, typer.Argument(help="Of a mapping.")]


@mapping.command()
def put(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A mapping, in JSON.")],
    name: Annotated[str | None, typer.Option(help="By default the file's, without its ending.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Keep a mapping under a name. Exits 1 with all that is wrong with it."""
    from lanewatch import mappings  # noqa: PLC0415

    kept = mappings.put(_config(), name or file.stem, file)
    typer.echo(json.dumps(kept, indent=2) if as_json else f"{kept['name']} is kept as version {kept['version']}.")


@mapping.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the mappings that are kept."""
    from lanewatch import mappings, screen  # noqa: PLC0415

    found = mappings.listed(_config())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        screen.mappings(found)


@mapping.command()
def show(name: Name) -> None:
    """Print a mapping as it was put; it can be put again."""
    from lanewatch import mappings  # noqa: PLC0415

    typer.echo(json.dumps(mappings.shown(_config(), name)["mapping"], indent=2, ensure_ascii=False))


@mapping.command()
def remove(name: Name) -> None:
    """Forget a mapping."""
    from lanewatch import mappings  # noqa: PLC0415

    mappings.remove(_config(), name)
    typer.echo(f"{name} is removed.")


@mapping.command("try")
def try_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .csv or .xlsx file.")],
    mapping_name: Annotated[str, typer.Option("--mapping", help="By which its columns are read.")],
    sheet: Annotated[str | None, typer.Option(help="Of a workbook; by default the first.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the events that a file would make, and send none. Exits 1 when a row would be refused."""
    from dataclasses import asdict  # noqa: PLC0415

    from lanewatch import screen, sheets  # noqa: PLC0415
    from lanewatch.sending import Sent  # noqa: PLC0415

    sent = Sent()
    trying = sheets.SheetSending(sheets.SheetFile(file, mapping_name, sheet, is_dry=True), sent)
    with screen.bar(file) as advance:
        trying.send(_config(), advance)
    if as_json:
        typer.echo(json.dumps({**asdict(sent), "summary": trying.summary, "events": trying.events}, indent=2))
    else:
        screen.tried(trying, sent)
    if not sent.is_clean:
        raise typer.Exit(1)


def _config() -> "StackConfig":
    from lanewatch.stack.config import StackConfig  # noqa: PLC0415

    return StackConfig.from_env()
