"""The form of every benchmark's result: a JSON list for machines and a Markdown table for people."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

RESULTS = Path(__file__).parent / "results"


class Figure(msgspec.Struct, kw_only=True):
    """What was measured: medians over alternating rounds. Ratios are medians of the rounds' own ratios."""

    name: str
    unit: str
    ours: float
    floor: float | None = None
    naive: float | None = None
    ratio_to_floor: float | None = None
    ratio_to_naive: float | None = None
    goal: str
    met: bool


def write_results(name: str, figures: Sequence[Figure], notes: Sequence[str]) -> str:
    """Write `results/NAME.json` and `results/NAME.md` and return the Markdown."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)) + b"\n")
    columns = Figure.__struct_fields__
    lines = [f"# {name}", "", f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    lines += [f"| {' | '.join(_cell(getattr(figure, c)) for c in columns)} |" for figure in figures]
    text = "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])
    (RESULTS / f"{name}.md").write_text(text)
    return text


def spread(values: Sequence[float]) -> str:
    """Return median, least and greatest as people read them."""
    return f"{_cell(median(values))} ({_cell(min(values))} to {_cell(max(values))})"


def _cell(value: float | str | bool | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits say enough
