"""No interleaving of events overdraws, unbalances or loses anything, and two readings of the rules agree on it."""

import os
import time
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.engine import POLICY, WholeBookEngine
from tests.model.machine import Interleaving

SOAK_STEPS = int(os.environ.get("SOAK_STEPS", "0"))
SOAK_SEED = int(os.environ.get("SOAK_SEED", "1"))
STEPS_A_RUN = 60


class InMemory(Interleaving):
    """The machine over the engine's pure part."""

    make_engine = WholeBookEngine
    parking_days = POLICY.parking_days


def interleave(first_seed: int, runs: int) -> None:
    """Do so many runs of at most STEPS_A_RUN steps; on failure the shortest failing run is shown."""
    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS_A_RUN,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(first_seed)(InMemory), settings=chosen)


def test_engine_and_reference_agree_whatever_comes_in_whichever_order() -> None:
    before = InMemory.steps
    interleave(first_seed=2025, runs=100)
    assert InMemory.steps - before >= 3000


@pytest.mark.skipif(not SOAK_STEPS, reason="make soak")
@pytest.mark.timeout(0)
def test_soak() -> None:
    InMemory.steps = InMemory.applied = 0
    began = time.monotonic()
    for number in count(SOAK_SEED):
        interleave(first_seed=number, runs=200)
        taken = f"{time.monotonic() - began:.0f} s"
        print(  # noqa: T201 - a soak says how far it is
            f"seed {number}: {InMemory.steps:,} steps done, {InMemory.applied:,} events applied, {taken}", flush=True
        )
        if InMemory.steps >= SOAK_STEPS:
            break
