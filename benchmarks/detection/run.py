"""Measures detection: `python -m benchmarks.detection.run`. The same seed gives the same; nothing is asserted."""

import argparse
import time

from benchmarks.detection.cells import Cell, try_cells
from benchmarks.detection.gate import gate_table
from benchmarks.detection.months import months_table
from benchmarks.detection.tables import back_table, down_table, false_table, figures
from benchmarks.detection.trials import CONTENDERS
from benchmarks.report import RESULTS, write_results

LANES, SEED = 70, 2025
NOTES = (
    "A delay in shipments is what the lane used to clear in that time. `inf`, never: not told while the change lasted.",
    "Each rule's limit gives each kind of lane just as many false changes as ours had in it.",
    "*Learning*: the rule takes the mean of the lane's last year for its rate; ours has to learn too.",
    "*Knowing*: the rule is given the lane's true rate and clumping, which no one has.",
    "Ours knows nothing beforehand and has one setting for all.",
    "*Best rule of each kind*: as if an operator had known for which of the 15 kinds to take which rule.",
)


def measure(lanes: int, seed: int, *, is_generous: bool) -> None:
    """Try all kinds of lanes and write the results down."""
    began, cells = time.monotonic(), list[Cell]()
    for cell in try_cells(lanes, seed, is_generous=is_generous):
        cells.append(cell)
        print(f"{time.monotonic() - began:5.0f} s  {cell.model}, {cell.band}", flush=True)
    lanes_tried, years = sum(cell.lanes for cell in cells), sum(cell.years for cell in cells)
    changes = sum(len(cell.told) for cell in cells) // len(CONTENDERS)
    notes = [
        f"{lanes_tried:,} simulated lanes, {years:,.0f} lane-years without a change, {changes:,} changes; seed {seed}.",
        *NOTES,
    ]
    head = write_results("detection", list(figures(cells)), notes)
    parts = [
        ("Delay to restricted or constrained", "Median / 95th percentile in days; in shipments.", down_table(cells)),
        ("Delay to flowing again", "The same, where the drop had been told before.", back_table(cells)),
        (
            "What the law and held shipments add",
            "Median / 95th percentile to restricted at a full stop.",
            gate_table(seed),
        ),
        ("The real months of 2025", "When it could be said, and of what share of the usual.", months_table()),
        ("False changes", "In years without any change, after three of learning.", false_table(cells)),
    ]
    text = head + "".join("\n".join(["", f"## {title}", says, "", *table, ""]) for title, says, table in parts)
    (RESULTS / "detection.md").write_text(text)
    print(text)


def main() -> None:
    """Measure with the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.run", description=__doc__)
    parser.add_argument("--lanes", type=int, default=LANES, help=f"of each of the 15 kinds ({LANES})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of all that is drawn ({SEED})")
    parser.add_argument("--generous", action="store_true", help="let the rules have the stated false changes at least")
    options = parser.parse_args()
    measure(options.lanes, options.seed, is_generous=options.generous)


if __name__ == "__main__":
    main()
