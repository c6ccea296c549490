"""The stack's configuration from the environment."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from lanewatch.stack import StackConfig, StackError, Topics
from lanewatch.stack.errors import explain
from lanewatch.stack.keeper import LONGEST_DELAY_S, restart_delay


def test_environment_gives_the_same_config_again(tmp_path: Path) -> None:
    config = replace(StackConfig.for_tests(tmp_path), clock="replay", services=(), topics=Topics(events="other.events"))
    assert StackConfig.from_env(config.environment()) == config


def test_defaults_are_those_that_the_readme_names() -> None:
    environment = StackConfig.from_env({}).environment()
    assert environment["LANEWATCH_KAFKA_BOOTSTRAP"] == "127.0.0.1:19092"
    assert environment["LANEWATCH_DATABASE_URL"] == "postgresql+asyncpg://lanewatch@127.0.0.1:15432/lanewatch"
    assert environment["LANEWATCH_LICENSING_URL"] == "http://127.0.0.1:8002"
    assert environment["LANEWATCH_DEMO_RECEIVER_PORT"] == "8010"


def test_ports_of_test_stacks_differ(tmp_path: Path) -> None:
    config = StackConfig.for_tests(tmp_path)
    ports = [value for name, value in vars(config).items() if name.endswith("_port")]
    assert len(set(ports)) == len(ports) == 7


@pytest.mark.parametrize("text", ["kafka", "0", "65536", "-1", "8001.5", "٨٠٠١"])
def test_port_that_is_no_port_is_named(text: str) -> None:
    with pytest.raises(StackError, match=r"LANEWATCH_ALERTS_PORT is .* should be a port number"):
        StackConfig.from_env({"LANEWATCH_ALERTS_PORT": text})


def test_unknown_service_is_refused() -> None:
    assert StackConfig.from_env({"LANEWATCH_SERVICES": "ingest, alerts"}).services == ("ingest", "alerts")
    assert StackConfig.from_env({"LANEWATCH_SERVICES": "none"}).services == ()
    with pytest.raises(StackError, match="LANEWATCH_SERVICES names 'billing'"):
        StackConfig.from_env({"LANEWATCH_SERVICES": "ingest,billing"})


def test_unknown_clock_is_refused() -> None:
    with pytest.raises(StackError, match="LANEWATCH_CLOCK is 'sundial'"):
        StackConfig.from_env({"LANEWATCH_CLOCK": "sundial"})


def test_first_restart_is_at_once_and_later_ones_wait_longer_up_to_a_limit() -> None:
    delays = [restart_delay(deaths) for deaths in range(1, 12)]
    assert delays[0] == 0
    assert delays == sorted(delays)
    assert delays[1] > 0
    assert delays[-1] == LONGEST_DELAY_S


def test_full_disk_is_told_as_one_line_with_the_variables_to_set() -> None:
    told = explain(OSError(errno.ENOSPC, "No space left on device", "/data/x"))
    assert told.startswith("The disk is full (/data/x).")
    assert "LANEWATCH_STATE_DIR" in told
    assert explain(StackError("first\n  second")) == "first\n  second"


@pytest.mark.parametrize(
    "brought", [{"LANEWATCH_ALERTS_SECRETS_KEYS": "foo"}, {"LANEWATCH_ALERTS_SECRETS_KEY_FILE": "/elsewhere/key"}]
)
def test_a_key_that_is_brought_is_not_covered_by_the_stacks_own(tmp_path: Path, brought: dict[str, str]) -> None:
    env = {"LANEWATCH_STATE_DIR": str(tmp_path)}
    own = StackConfig.from_env(env).environment()
    assert own["LANEWATCH_ALERTS_SECRETS_KEY_FILE"] == str(tmp_path / "keys" / "secrets.key")
    config = StackConfig.from_env(env | brought)
    assert "LANEWATCH_ALERTS_SECRETS_KEY_FILE" not in config.environment()
    assert StackConfig.from_env(brought | config.environment()) == config
