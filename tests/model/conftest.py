"""Who plays the cases by hand: the reference and the engine alike."""

import pytest

from tests.model.engine import POLICY, Reader, WholeBookEngine
from tests.model.play import Play
from tests.model.reference import Reference


@pytest.fixture(params=["reference", "engine"])
def play(request: pytest.FixtureRequest) -> Play:
    engines: dict[str, Reader] = {"reference": Reference(POLICY.parking_days), "engine": WholeBookEngine()}
    return Play(engines[request.param])
