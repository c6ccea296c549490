"""The commands of `lanewatch policy`. Each imports what it needs only when it runs, as those of `cli` do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lanewatch.stack import StackConfig

policy = typer.Typer(no_args_is_help=True, help="Monitoring rules: check, compare, try and roll them out.")

File = Annotated[Path, typer.Argument(help="A rulebook, e.g. services/licensing/policies/monitoring-starter.json")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@policy.command()
def check(file: File, *, as_json: AsJson = False) -> None:
    """Check a rulebook in a file, and show what each rule takes. Exits 1 with every fault's place."""
    from lanewatch import policies, policy_screen, rulebooks  # noqa: PLC0415

    with _faults_shown(as_json=as_json):
        found = policies.costs(rulebooks.compiled(file))
    _echo(found) if as_json else policy_screen.costs(found)


@policy.command()
def diff(
    file: File,
    against: Annotated[str | None, typer.Option(help="A version; by default the one in force.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a rulebook in a file adds, removes and changes."""
    from lanewatch import policies, policy_screen, rulebooks  # noqa: PLC0415

    with _faults_shown(as_json=as_json):
        found = policies.diff(_config(), rulebooks.read(file), against)
    _echo(found) if as_json else policy_screen.diff(found)


@policy.command("roll-out")
def roll_out(
    file: File,
    by: Annotated[str, typer.Option(help="Who rolls it out.")],
    reason: Annotated[str, typer.Option(help="Why; both stand in the record.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a rulebook into force: check it, show what changes, ask, post it. Exits 1 unless it is in the books.

    The same again changes nothing, so it can be repeated when it was cut short.
    """
    from lanewatch import policies, policy_screen, rulebooks  # noqa: PLC0415

    config = _config()
    with _faults_shown(as_json=as_json):
        planned = policies.plan(config, rulebooks.read(file), by, reason)
    if not as_json:
        policy_screen.plan(planned)
    if not yes and planned.status["status"] == "waiting":
        typer.confirm("Roll it out?", abort=True, err=True)
    status = policies.roll_out(config, planned)
    is_in = status["status"] == "decided" if as_json else policy_screen.ending(planned, status)
    if as_json:
        _echo({"version": planned.event.data.version, "diff": planned.diff, "event": status})
    if not is_in:
        raise typer.Exit(1)


@policy.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the rulebooks that were rolled out, the latest to begin first."""
    from lanewatch import policies, policy_screen  # noqa: PLC0415

    found = policies.versions(_config())
    _echo(found) if as_json else policy_screen.versions(found)


@policy.command()
def show(version: Annotated[str, typer.Argument(help="Of a rulebook.")], *, as_json: AsJson = False) -> None:
    """Show a rulebook that was rolled out, with its rules."""
    from lanewatch import policies, policy_screen  # noqa: PLC0415

    found = policies.show(_config(), version)
    _echo(found) if as_json else policy_screen.shown(found)


@policy.command()
def findings(
    rule: Annotated[str | None, typer.Option(help="Only those of this rule.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 50,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only where rules failed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the rules said of shipments, the latest first."""
    from lanewatch import policies, policy_screen  # noqa: PLC0415

    found = policies.findings(_config(), rule, failed=failed, limit=limit)
    _echo(found) if as_json else policy_screen.findings(found)


@policy.command()
def backtest(
    file: File,
    since: Annotated[datetime | None, typer.Option(help="Decisions from this time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Decisions before this time (UTC).")] = None,
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on where an earlier run was stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a rulebook of all recorded decisions: which would be others, by which rule. Ctrl-C stops, again goes on."""
    from lanewatch import backtest as backtests  # noqa: PLC0415

    with _faults_shown(as_json=as_json):
        found = backtests.run(_config(), file, since, until, is_anew=anew, is_quiet=as_json)
    _echo(backtests.as_dict(found)) if as_json else backtests.show(found)


@contextmanager
def _faults_shown(*, as_json: bool) -> Iterator[None]:
    """Print what is wrong with a rulebook, and exit 1."""
    from lanewatch import policy_screen, rulebooks  # noqa: PLC0415

    try:
        yield
    except rulebooks.RulebookAtFault as error:
        if as_json:
            _echo(policy_screen.faults_as_dict(error.faults))
        else:
            policy_screen.faults(error)
        raise typer.Exit(1) from error


def _echo(found: Any) -> None:
    typer.echo(json.dumps(found, indent=2, default=str))


def _config() -> "StackConfig":
    from lanewatch.stack.config import StackConfig  # noqa: PLC0415

    return StackConfig.from_env()
