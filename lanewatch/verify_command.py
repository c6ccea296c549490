"""`lanewatch verify`: checks an export of evidence and prints what is wrong with it, in words."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lanewatch.stack.errors import StackError
from lanewatch.verifying import Earlier, Report, lines_of, verify
from shared.identity.keys import read_keys


def run(file: Path, keys_file: Path | None, earlier_file: Path | None, *, as_json: bool) -> bool:
    """Check a file, or a pipe named `-`, and print what was found; return whether it is sound."""
    keys = _keys(keys_file) if keys_file is not None else None
    earlier = _earlier(earlier_file, keys) if earlier_file is not None else None
    with _open(file) as lines:
        report = verify(lines_of(lines), keys, earlier)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report) | {"is_sound": report.is_sound}, indent=2, ensure_ascii=False))
    else:
        _show(report, has_keys=keys is not None, earlier=earlier)
    return report.is_sound


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
    else:
        with file.open("rb") as lines:
            yield lines


def _keys(file: Path) -> Mapping[str, bytes]:
    """Return the public keys of a JWKS. Raises StackError when it is none."""
    try:
        found = read_keys(file.read_bytes())
    except ValueError as error:
        raise StackError(f"{file} holds no keys: {error}") from error
    return {kid: k.key.public_bytes_raw() for kid, k in found.items() if isinstance(k.key, Ed25519PublicKey)}


def _earlier(file: Path, keys: Mapping[str, bytes] | None) -> Earlier:
    """Return how far an earlier export came. Raises StackError when that one is not sound."""
    with file.open("rb") as lines:
        report = verify(lines_of(lines), keys)
    if not report.is_sound:
        raise StackError(f"the earlier export {file} is itself not sound: {report.faults[0]}")
    return Earlier(report.subscription_id, report.links, report.hash)


def _show(report: Report, *, has_keys: bool, earlier: Earlier | None) -> None:
    for fault in report.faults:
        typer.secho(fault, fg="red")
    if not report.is_sound:
        typer.secho("The evidence is NOT sound.", fg="red", bold=True)
        return
    typer.secho(f"The evidence of subscription {report.subscription_id} is sound.", fg="green", bold=True)
    typer.echo(f"  links {report.after + 1} to {report.links} as of {report.exported_at}, with {report.bodies} bodies")
    who = "one of the keys given" if has_keys else "the key that the file itself names"
    typer.echo(f"  {report.checkpoints} checkpoints, signed by {who}: {', '.join(report.key_ids)}")
    if earlier is not None:
        typer.echo(f"  it goes on from the earlier export, which ends at link {earlier.links}")
    elif report.after:
        typer.echo(f"  what came before link {report.after + 1} was not looked at; give --earlier")
