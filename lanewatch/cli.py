"""The `lanewatch` command. Each subcommand imports what it needs only when it runs, so that `--help` is quick."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lanewatch.mapping_commands import mapping
from lanewatch.policy_commands import policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from lanewatch.sending import Sent
    from lanewatch.stack import StackConfig

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(policy, name="policy")
app.add_typer(mapping, name="mapping")


@app.callback()
def root() -> None:
    """Watch trade lanes for controlled goods: run the local stack, show it, check it.

    Ports and folders come from the environment, e.g. LANEWATCH_KAFKA_PORT, LANEWATCH_STATE_DIR.
    """


@app.command()
def up(
    *, tokens: Annotated[bool, typer.Option("--tokens", help="Let only those in who show a token.")] = False
) -> None:
    """Start Kafka, PostgreSQL and the three services, and wait until they serve."""
    from dataclasses import replace  # noqa: PLC0415

    from lanewatch import screen  # noqa: PLC0415 - see the module's docstring
    from lanewatch.stack import control  # noqa: PLC0415
    from lanewatch.tokens import ensure_keys  # noqa: PLC0415

    config = _config()
    if tokens or config.asks_tokens:
        config = replace(config, asks_tokens=True)
        ensure_keys(config)
    with screen.Progress() as progress:
        is_new = control.up(config, progress.say, progress.watch)
    screen.addresses(config, is_new=is_new)


@app.command()
def down() -> None:
    """Stop everything; the data stays."""
    from lanewatch import screen  # noqa: PLC0415
    from lanewatch.stack import control  # noqa: PLC0415

    with screen.Progress() as progress:
        did_run = control.down(_config(), progress.watch)
    typer.echo("Stopped; the data stays." if did_run else "Nothing was running.")


@app.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what runs and whether it serves. Exits 1 unless everything does."""
    from lanewatch import screen  # noqa: PLC0415
    from lanewatch.stack.status import status_of  # noqa: PLC0415

    found = status_of(_config())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        screen.status(found)
    if not found["ready"]:
        raise typer.Exit(1)


@app.command()
def clean(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop everything and remove the data and logs."""
    from lanewatch import screen  # noqa: PLC0415
    from lanewatch.stack import control  # noqa: PLC0415

    config = _config()
    if not yes:
        typer.confirm(f"Remove all data in {config.state_dir}?", abort=True)
    with screen.Progress() as progress:
        control.clean(config, progress.watch)
    typer.echo(f"Removed the data in {config.state_dir}.")


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="ingest, licensing, alerts, kafka, postgres or supervisor")],
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 50,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until ctrl-C.")] = False,
) -> None:
    """Print the end of a part's log."""
    from lanewatch.stack.logs import print_log  # noqa: PLC0415

    print_log(_config(), name, lines, is_followed=follow)


@app.command()
def demo(
    scale: Annotated[float, typer.Option(min=1.0, max=50.0, help="Shipments so many times larger, and fewer.")] = 1.0,
    summary: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the summary as JSON.")] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
) -> None:
    """Replay the story of 2025 on a stack of its own. Exits 1 unless the audit is clean."""
    from lanewatch.demo import command  # noqa: PLC0415

    if not command.run(_config(), scale=scale, summary_file=summary, keep=keep):
        raise typer.Exit(1)


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="Regimes, e.g. services/licensing/regimes/cn-2025.json")],
) -> None:
    """Post regimes from files to the running stack. Exits 1, and posts nothing, when a file has a fault."""
    from lanewatch import regimes  # noqa: PLC0415

    config = _config()
    for regime in [regimes.read(file) for file in files]:
        regimes.post(config, regime)
        typer.echo(f"{regime.title}: {len(regime.events)} events accepted")
        for entity, count in regime.entities.items():
            typer.echo(f"  {entity}: {count}")


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="Events line by line or as an array, also gzip; - is a pipe.")],
    mapping_name: Annotated[str | None, typer.Option("--mapping", help="Spreadsheets are read by this one.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of workbooks; by default the first.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Send events, or spreadsheets of shipments. What was sent before counts once. Exits 1 when any was refused."""
    from lanewatch import screen  # noqa: PLC0415
    from lanewatch.sending import Sent  # noqa: PLC0415

    sent = Sent()
    for file in files:
        with screen.bar(file) as advance:
            _send(file, mapping_name, sheet, advance, sent)
    if as_json:
        typer.echo(json.dumps(vars(sent), indent=2, default=vars))
    else:
        screen.sent(sent)
    if not sent.is_clean:
        raise typer.Exit(1)


def _send(
    file: Path, mapping_name: str | None, sheet: str | None, advance: "Callable[[int], None]", sent: "Sent"
) -> None:
    from lanewatch import parts, sending, sheets  # noqa: PLC0415
    from lanewatch.stack.errors import StackError  # noqa: PLC0415

    if sheets.kind_of(file) is None:
        if mapping_name is not None:
            raise StackError(f"{file} is no spreadsheet by its name; one ends in {', '.join(sheets.MEDIA_TYPES)}.")
        if parts.is_big(file) and parts.is_plain(file):
            parts.PartSending(file, sent).send(_config(), advance)
        else:
            sending.send(_config(), file, advance, sent)
    elif mapping_name is None:
        raise StackError(f"{file} is a spreadsheet; say by --mapping how it is read.")
    else:
        kind = sheets.kind_of(file) or {}
        if parts.is_big(file) and "content-encoding" not in kind:
            asked = {"mapping": mapping_name} | ({"sheet": sheet} if sheet else {})
            parts.PartSending(file, sent, kind, **asked).send(_config(), advance)
        else:
            sheets.SheetSending(sheets.SheetFile(file, mapping_name, sheet), sent).send(_config(), advance)


@app.command()
def audit(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Count every event to its end, and balances against entries. Exits 1 on any gap."""
    from lanewatch import screen  # noqa: PLC0415
    from lanewatch.audit import audit as run_audit  # noqa: PLC0415

    found = run_audit(_config())
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        screen.audit(found)
    if not found.is_clean:
        raise typer.Exit(1)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .csv or .xlsx file.")],
    sheet: Annotated[str | None, typer.Option(help="Of a workbook; by default the first.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Import a register of licences and opening balances. Exits 1 on any fault; then nothing is imported."""
    from lanewatch import importing  # noqa: PLC0415

    answer = importing.import_register(_config(), file, sheet=sheet, is_dry=dry_run)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        importing.show(answer)
    if not importing.is_clean(answer):
        raise typer.Exit(1)


@app.command()
def token(
    scope: Annotated[list[str], typer.Option(help="What it allows; give it more than once for more.")],
    tenant: Annotated[str, typer.Option(help="Whose subscriptions it is about.")] = "default",
    source: Annotated[list[str] | None, typer.Option(help="Only events whose source begins with this.")] = None,
    ttl: Annotated[int, typer.Option(min=1, max=365 * 24, help="How many hours it lasts.")] = 1,
) -> None:
    """Print a token for the local stack (`lanewatch up --tokens`)."""
    from lanewatch.tokens import issue  # noqa: PLC0415

    typer.echo(issue(_config(), scopes=scope, ttl_s=ttl * 3600, tenant=tenant, sources=source or ()))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An export of evidence; - is a pipe.")],
    keys: Annotated[Path | None, typer.Option(exists=True, help="A JWKS: only what its keys signed counts.")] = None,
    earlier: Annotated[Path | None, typer.Option(exists=True, help="An export that this must go on from.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check evidence of what was sent, offline. Exits 1 with what is wrong unless it is sound."""
    from lanewatch import verify_command  # noqa: PLC0415

    if not verify_command.run(file, keys, earlier, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def listen(
    port: Annotated[int | None, typer.Option(help="By default LANEWATCH_DEMO_RECEIVER_PORT, 8010.")] = None,
    secret: Annotated[list[str] | None, typer.Option(help="whsec_…: check signatures; twice in a rotation.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="whpk_…: check ed25519 signatures; twice, too.")] = None,
    answer: Annotated[int, typer.Option(min=200, max=599, help="With this status, to see what follows.")] = 204,
    delay: Annotated[float, typer.Option(min=0.0, help="Seconds before answering.")] = 0.0,
) -> None:
    """Print the webhooks that arrive, what came twice and what is missing, until ctrl-C."""
    from lanewatch.listen import Answering  # noqa: PLC0415
    from lanewatch.listen import listen as run_listener  # noqa: PLC0415

    run_listener(port or _config().demo_receiver_port, secret or (), key or (), Answering(answer, delay))


def _config() -> "StackConfig":
    from lanewatch.stack.config import StackConfig  # noqa: PLC0415

    return StackConfig.from_env()


def main() -> None:
    """Run the command line. What a person can mend is one line and exit code 1."""
    from lanewatch.stack.errors import StackError, explain  # noqa: PLC0415

    try:
        app()
    except (StackError, OSError) as error:
        typer.secho(f"lanewatch: {explain(error)}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
