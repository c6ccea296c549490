"""What `up` makes of a stack that runs already."""

from dataclasses import replace
from pathlib import Path

import pytest

from lanewatch.stack import StackConfig, StackError
from lanewatch.stack.control import require_same
from lanewatch.stack.record import Record, ports_of, read, settings_of


def running(config: StackConfig, **more: str) -> Record:
    settings = settings_of(config.environment() | more)
    Record(1, "ready", ports_of(config), asks_tokens=config.asks_tokens, settings=settings).write(config)
    found = read(config)
    assert found is not None
    return found


def test_the_same_is_no_hindrance(tmp_path: Path) -> None:
    config = StackConfig.for_tests(tmp_path)
    of_commands = {"LANEWATCH_TOKEN": "ey…", "LANEWATCH_CACHE_DIR": "/elsewhere", "PATH": "/bin"}
    require_same(running(config), config, config.environment() | of_commands)


@pytest.mark.parametrize("has, told", [(True, "with tokens"), (False, "without tokens")])
def test_other_access_is_refused(tmp_path: Path, told: str, *, has: bool) -> None:
    config = replace(StackConfig.for_tests(tmp_path), asks_tokens=has)
    wanted = replace(config, asks_tokens=not has)
    with pytest.raises(StackError, match=f"runs already {told}; `lanewatch down` first"):
        require_same(running(config), wanted, wanted.environment())


def test_other_settings_are_refused_by_name_and_kept_as_hashes(tmp_path: Path) -> None:
    config = StackConfig.for_tests(tmp_path)
    record = running(config, LANEWATCH_LOG="debug", LANEWATCH_ALERTS_SECRETS_KEYS="seals")
    asked = config.environment() | {"LANEWATCH_LOG": "info", "LANEWATCH_NEW": "1"}
    names = "LANEWATCH_ALERTS_SECRETS_KEYS, LANEWATCH_LOG, LANEWATCH_NEW"
    with pytest.raises(StackError, match=rf"other settings \({names}\)"):
        require_same(record, config, asked)
    assert "seals" not in (config.run_dir / "status.json").read_text()
