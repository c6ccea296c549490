"""The lanewatch command: brings the stack up and down and says how it is."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def root() -> None:
    """Watch trade lanes for controlled goods."""


def main() -> None:
    """Run the command line."""
    app()
