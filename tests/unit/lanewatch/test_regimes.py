"""Reading regimes from files: what is wrong is named with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from lanewatch.regimes import read
from lanewatch.stack import StackError

SOURCE = {"title": "T", "publisher": "P", "date": "2025-04-04", "url": "https://example.org/", "says": "S"}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/test",
    "type": "trade.regime.ended",
    "time": "2025-04-04T00:00:00Z",
    "data": {"regime_id": "R"},
}


def written(folder: Path, **over: Any) -> Path:
    file = folder / "regime.json"
    file.write_text(json.dumps({"title": "One", "sources": [SOURCE], "events": [EVENT], **over}))
    return file


def test_a_file_gives_its_title_and_events(tmp_path: Path) -> None:
    found = read(written(tmp_path))
    assert (found.title, found.entities) == ("One", {"regime:R": 1})


@pytest.mark.parametrize(
    "over, fault",
    [
        (
            {"events": [EVENT, {**EVENT, "data": {"regime": "R"}}]},
            "/events/1/data/regime: unknown field; perhaps regime_id; ",
        ),
        ({"events": [EVENT, {**EVENT, "type": "trade.regime.begun"}]}, "/events/1/type: unknown event type"),
        ({"events": [{**EVENT, "time": "yesterday"}]}, "/events/0/time: not a point in time"),
        ({"sources": []}, "/sources: a regime names where its facts come from"),
        ({"sources": [{**SOURCE, "url": None}]}, "/sources/0/url: not a text: null"),
        ({"event": []}, "/event: unknown field"),
    ],
)
def test_a_fault_is_named_with_the_file_and_its_place(tmp_path: Path, over: dict[str, Any], fault: str) -> None:
    file = written(tmp_path, **over)
    with pytest.raises(StackError) as error:
        read(file)
    assert str(error.value).startswith(f"{file}, {fault}")


def test_a_file_that_is_no_json_or_is_not_there_is_named(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text("{")
    with pytest.raises(StackError, match=r"regime\.json: not JSON: Input data was truncated"):
        read(file)
    with pytest.raises(StackError, match=r"none\.json cannot be read: No such file"):
        read(tmp_path / "none.json")
