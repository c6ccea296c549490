"""Books that follow the starter policy."""

from pathlib import Path

import pytest

import services.licensing
from services.licensing.domain.policy import Policy, read_policy
from tests.support.books import Books


@pytest.fixture(scope="session")
def policy() -> Policy:
    return read_policy((Path(services.licensing.__file__).parent / "policies" / "starter.json").read_bytes())


@pytest.fixture
def books(policy: Policy) -> Books:
    return Books(policy)
