"""The events that the documents show are events."""

import re
from pathlib import Path

import pytest

from shared.cloudevents import read_trade_event

DOCUMENT = Path(__file__).parents[3] / "docs" / "licensing" / "how-to.md"
SHOWN = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.mark.parametrize("body", SHOWN)
def test_an_event_that_is_shown_is_one(body: str) -> None:
    assert read_trade_event(body.encode()).type.startswith("trade.")


def test_each_part_shows_one() -> None:
    assert len(SHOWN) == DOCUMENT.read_text().count("\n## ")
