"""The figures and tables of the detection benchmark, made from what the trials told."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.detection.arrivals import MODELS
from benchmarks.detection.cells import BANDS, SHARES, STATED, Cell, Told
from benchmarks.report import Figure

NEVER = float("inf")
GOAL_STOP, GOAL_MEDIAN, GOAL_LATE = 1.1, 0.7, 0.4
RULES, LEARNING, KNOWING, BEST = ("learned", "gap", "share"), ("learned", "share"), ("gap", "share"), "best"
Take = Callable[[Told], float]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which a part of them lies; not told in time is infinite."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def in_days(told: Told) -> float:
    """Return the delay to restricted or constrained in days."""
    return NEVER if told.down_days is None else float(told.down_days)


def in_shipments(told: Told) -> float:
    """Return that delay in the shipments that the lane used to clear in such a time."""
    return in_days(told) * told.per_day


def figures(cells: Sequence[Cell]) -> Iterator[Figure]:
    """Yield the goals, each with what was reached."""
    told = [one for cell in cells for one in cell.told]
    best = [one for cell in cells for one in _best_rule(cell.told)]
    for unit, take in (("shipments", in_shipments), ("days", in_days)):
        for name, part, goal in (("median", 0.5, GOAL_MEDIAN), ("95th percentile", 0.95, GOAL_LATE)):
            stops, drops = _values(told, 0.0, take, part), _values(told, 0.3, take, part)
            stop, drop = (f"full stop, {name}", unit, stops["ours"]), (f"drop to 0.3, {name}", unit, drops["ours"])
            picked = _values(best, 0.3, take, part)[BEST]
            yield _figure(*stop, stops["learned"], (GOAL_STOP, "gap rule that learns too"))
            yield _figure(*stop, stops["gap"], (GOAL_STOP, "gap rule that knows the truth"))
            yield _figure(*drop, min(drops[r] for r in LEARNING), (goal, "better rule that learns too"))
            yield _figure(*drop, min(drops[r] for r in KNOWING), (goal, "better rule, one knowing the truth"))
            yield _figure(*drop, picked, (goal, "best rule of each kind"))
    for model in MODELS:
        yield _false_figure(f"{model} arrivals", [cell for cell in cells if cell.model == model])
    worst = max(cells, key=lambda cell: _false_rate([cell]))
    yield _false_figure(f"worst kind ({worst.model}, {worst.band})", [worst])


def _best_rule(told: Sequence[Told]) -> Iterator[Told]:
    """Yield what the rule told that is better for a kind of lane at 0.3 of the rate, by the median."""
    medians = {rule: _values(told, 0.3, in_days, 0.5)[rule] for rule in RULES}
    best = min(RULES, key=lambda rule: medians[rule])
    return (one._replace(contender=BEST) for one in told if one.contender == best)


def _values(told: Sequence[Told], share: float, take: Take, part: float) -> dict[str, float]:
    by_name: dict[str, list[float]] = {}
    for one in told:
        if one.share == share:
            by_name.setdefault(one.contender, []).append(take(one))
    return {name: quantile(values, part) for name, values in by_name.items()}


def _figure(name: str, unit: str, ours: float, other: float, goal: tuple[float, str]) -> Figure:
    return Figure(
        name=name,
        unit=unit,
        ours=ours,
        naive=other,
        ratio_to_naive=ours / other,
        goal=f"at most {goal[0]:g} x the {goal[1]}",
        met=ours / other <= goal[0],
    )


def _false_figure(name: str, cells: Sequence[Cell]) -> Figure:
    rate = _false_rate(cells)
    return Figure(
        name=f"false changes, {name}",
        unit="a lane and year",
        ours=rate,
        goal=f"at most {2 * STATED:g}",
        met=rate <= 2 * STATED,
    )


def _false_rate(cells: Sequence[Cell]) -> float:
    return sum(cell.false_stops + cell.false_lows for cell in cells) / sum(cell.years for cell in cells)


def down_table(cells: Sequence[Cell]) -> list[str]:
    """Return the delays to restricted or constrained, by share and kind of lane."""
    lines = [
        "| to | lanes | ours | gap rule, learning | gap rule, knowing | share rule | ours / best, median | 95th |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    told = [one for cell in cells for one in cell.told]
    for share in SHARES:
        for band in (*BANDS, "all"):
            chosen = [one for one in told if one.share == share and band in (one.band, "all")]
            lines.append(_down_row(share, band, chosen))
    return lines


def _down_row(share: float, band: str, told: Sequence[Told]) -> str:
    by_name = {name: [one for one in told if one.contender == name] for name in ("ours", *RULES)}
    pairs = {
        name: (quantile([in_days(o) for o in ones], 0.5), quantile([in_days(o) for o in ones], 0.95))
        for name, ones in by_name.items()
    }
    cells = []
    for name, ones in by_name.items():
        shipments = [in_shipments(one) for one in ones]
        cells.append(
            f"{_say(pairs[name][0])} / {_say(pairs[name][1])} d; "
            f"{_say(quantile(shipments, 0.5))} / {_say(quantile(shipments, 0.95))}"
        )
    ratios = [_ratio(pairs["ours"][i], min(pairs[rule][i] for rule in RULES)) for i in (0, 1)]
    return f"| {share:g} | {band} | {' | '.join(cells)} | {' | '.join(ratios)} |"


def back_table(cells: Sequence[Cell]) -> list[str]:
    """Return the delays to flowing again, from where each contender had told the drop."""
    lines = [
        "| from | lanes | ours | gap rule, learning | gap rule, knowing | share rule |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    told = [one for cell in cells for one in cell.told if one.is_back_asked]
    for share in SHARES:
        for band in (*BANDS, "all"):
            row = []
            for name in ("ours", *RULES):
                ones = [o for o in told if o.share == share and band in (o.band, "all") and o.contender == name]
                days = [NEVER if o.back_days is None else float(o.back_days) for o in ones]
                shipments = [d * o.per_day for d, o in zip(days, ones, strict=True)]
                parts = [_say(quantile(values, part)) for values in (days, shipments) for part in (0.5, 0.95)]
                row.append(f"{parts[0]} / {parts[1]} d; {parts[2]} / {parts[3]} (of {len(ones)})" if ones else "none")
            lines.append(f"| {share:g} | {band} | {' | '.join(row)} |")
    return lines


def false_table(cells: Sequence[Cell]) -> list[str]:
    """Return the false changes of ours by kind, and the limits that gave the rules as many as are stated."""
    columns = (
        *("arrivals", "lanes", "lane-years", "false stops", "false drops", "false changes a lane-year"),
        *("false returns a year spent low", "gap limit, arrivals", "the same, learned", "share limit"),
    )
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [
        f"| {cell.model} | {cell.band} | {cell.years:,.0f} | {cell.false_stops} | {cell.false_lows} | "
        f"{_false_rate([cell]):.3f} | {cell.false_returns / cell.low_years if cell.low_years else 0:.2f} | "
        f"{cell.limits.gap:.2f} | {cell.limits.learned:.2f} | {cell.limits.share:.2f} |"
        for cell in cells
    ]
    return lines


def _ratio(ours: float, best: float) -> str:
    return "neither" if ours == best == NEVER else f"{ours / best:.2f}"


def _say(value: float) -> str:
    if value != value:  # noqa: PLR0124 - not a number
        return "none"
    return "never" if value == NEVER else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004
