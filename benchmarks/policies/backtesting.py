"""One backtest over what the environment's database holds; or, as its floor, the same rows read and nothing else."""

import sys
import tempfile
from pathlib import Path

import msgspec
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.policies.rules import rulebook
from benchmarks.worker import Clock, tell
from services.licensing.backtesting.run import AT_ONCE, backtest
from services.licensing.backtesting.workers import Job
from services.licensing.domain.policy import read_policy
from services.licensing.settings import LicensingSettings
from services.licensing.store.recorded import DECISIONS, Reader, Span
from services.licensing.store.sql import fetch
from shared.database import make_engine, transaction
from shared.events import PolicyRolledOut


async def ours(_engine: AsyncEngine, settings: LicensingSettings) -> int:
    """Return how many decisions were asked of."""
    policy = read_policy(settings.licensing_policy.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        job = Job(settings.database_url, policy, msgspec.convert(rulebook(), PolicyRolledOut), Span())
        state = await backtest(job, Path(folder))
    if state.tally.asked != state.total:
        raise RuntimeError(f"of {state.total} decisions {state.tally.asked} were asked of: {state.tally.not_asked}")
    return state.tally.asked


async def floor(engine: AsyncEngine, _settings: LicensingSettings) -> int:
    """Return how many decisions were read."""
    read, after, reader = 0, "", Reader(Span())
    while True:
        async with transaction(engine) as c:
            last = await reader.last_of_page(c, after, AT_ONCE)
            if last is None:
                return read
            rows = await fetch(c, DECISIONS, after=after, last=last, **Span()._asdict())
        read, after = read + len(rows), last


async def main(name: str) -> None:
    """Run one contender."""
    settings = LicensingSettings()
    engine = make_engine(settings.database_url, "backtest")
    clock = Clock()
    decisions = await {"ours": ours, "floor": floor}[name](engine, settings)
    tell(clock.outcome(decisions))
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
