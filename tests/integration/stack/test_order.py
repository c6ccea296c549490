"""The backbone starts before the services and stops after them; what cannot start leaves nothing running."""

from dataclasses import replace
from pathlib import Path

import pytest

from lanewatch.stack import Keeper, Part, Stack, StackConfig, StackError
from lanewatch.stack.kafka import Kafka
from tests.integration.stack.programs import python_part, server_part

NAMES = ("kafka", "postgres", "ingest", "licensing", "alerts")


class Diary:
    """A stack of stand-ins that writes down what becomes of them."""

    def __init__(self, folder: Path, broken: str = "") -> None:
        self.lines: list[tuple[str, str]] = []
        self.stack = Stack(StackConfig.for_tests(folder), kafka=Kafka((), None))
        self.stack.parts = {name: self._keeper(self._part(folder, name, broken)) for name in NAMES}

    def _part(self, folder: Path, name: str, broken: str) -> Part:
        part = server_part(folder, name) if name != broken else python_part(folder, "raise SystemExit(1)", name=name)
        return replace(part, name=name)

    def _keeper(self, part: Part) -> Keeper:
        return Keeper(part, on_change=lambda: self._note(part.name))

    def _note(self, name: str) -> None:
        line = (name, str(self.stack[name].state))
        if line not in self.lines[-1:]:
            self.lines.append(line)

    def when(self, name: str, state: str) -> int:
        return self.lines.index((name, state))


async def test_backbone_starts_before_the_services_and_stops_after_them(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    async with diary.stack:
        assert await diary.stack.silent() == []
    for service in ("ingest", "licensing", "alerts"):
        for backbone in ("kafka", "postgres"):
            assert diary.when(backbone, "ready") < diary.when(service, "starting")
            assert diary.when(service, "stopped") < diary.when(backbone, "stopped")


@pytest.mark.parametrize("broken", ["kafka", "alerts"])
async def test_stack_that_cannot_start_stops_what_did_start(tmp_path: Path, broken: str) -> None:
    diary = Diary(tmp_path, broken)
    with pytest.raises(StackError, match=f"{broken} does not start: exit code 1"):
        await diary.stack.start()
    assert [name for name in NAMES if diary.stack[name].pid] == []
    if broken == "kafka":
        assert ("ingest", "starting") not in diary.lines


async def test_stack_does_not_start_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary(tmp_path)
    monkeypatch.setattr("lanewatch.stack.stack.NEEDED_BYTES", 10**18)
    with pytest.raises(StackError, match=r"Only \d+ MB are free on the disk of .*LANEWATCH_STATE_DIR"):
        await diary.stack.start()
    assert diary.lines == []
