"""Ours again with a great many licences and ledger entries already there."""

from benchmarks.report import Figure
from lanewatch.stack import StackConfig


async def measure(config: StackConfig, events: int, rounds: int, scale: float) -> tuple[Figure, list[str]]:
    """To come."""
    raise NotImplementedError
