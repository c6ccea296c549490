"""What stands in the demo's way is said in a sentence that tells what to do."""

from pathlib import Path

import pytest

from lanewatch.demo import command
from lanewatch.stack import StackConfig, StackError, record
from lanewatch.stack.record import Record


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    return StackConfig.for_tests(tmp_path / "state")


def play(config: StackConfig) -> None:
    command.run(config, scale=50, summary_file=None, keep=False)


def test_running_stack_on_the_same_ports_is_named(config: StackConfig) -> None:
    with record.supervisor_lock(config):
        Record(pid=1, state="ready", ports=record.ports_of(config)).write(config)
        with pytest.raises(StackError, match=r"make up.*make down"):
            play(config)


def test_data_of_another_story_is_not_mixed_with_this_one(config: StackConfig) -> None:
    folder = config.demo.data_dir / "receiver"
    folder.mkdir(parents=True)
    (folder / "story.txt").write_text("another")
    with pytest.raises(StackError, match=r"another story.*lanewatch clean"):
        play(config)
