"""The `lanewatch` command on a stack of Kafka and PostgreSQL: data outlives everything but `clean`."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lanewatch.stack import StackConfig
from lanewatch.stack.kafka import Kafka
from lanewatch.stack.postgres import connect

LANEWATCH = Path(sys.executable).with_name("lanewatch")


def start(config: StackConfig, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [LANEWATCH, *arguments],
        env={**os.environ, **config.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lanewatch(config: StackConfig, *arguments: str) -> "subprocess.CompletedProcess[str]":
    process = start(config, *arguments)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def done(config: StackConfig, *arguments: str) -> str:
    result = lanewatch(config, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def status(config: StackConfig) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(lanewatch(config, "status", "--json").stdout)
    return parsed


def pids(config: StackConfig) -> dict[str, int]:
    return {name: part["pid"] for name, part in status(config)["parts"].items()}


@pytest.fixture
def config(tmp_path: Path, kafka: Kafka) -> Iterator[StackConfig]:
    config = replace(StackConfig.for_tests(tmp_path / "state"), services=())
    yield config
    lanewatch(config, "clean", "--yes")


async def write_one(config: StackConfig, value: bytes) -> None:
    connection = await connect(config, config.database)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value bytea)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()
    async with AIOKafkaProducer(bootstrap_servers=config.bootstrap, acks="all") as producer:
        await producer.send_and_wait(config.topics.events, value, partition=0)


async def kept(config: StackConfig) -> tuple[list[bytes], list[bytes]]:
    connection = await connect(config, config.database)
    rows = [row["value"] for row in await connection.fetch("SELECT value FROM kept")]
    await connection.close()
    async with AIOKafkaConsumer(bootstrap_servers=config.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(config.topics.events, 0)])
        messages = [(await asyncio.wait_for(consumer.getone(), 10)).value for _ in rows]
    return rows, messages


def test_data_outlives_down_kills_and_the_supervisor_but_not_clean(config: StackConfig) -> None:
    assert config.bootstrap in done(config, "up")
    asyncio.run(write_one(config, b"first"))
    running = [psutil.Process(pid) for pid in pids(config).values()]
    assert len(running) == 2
    done(config, "down")
    assert [process for process in running if process.is_running()] == []
    assert not status(config)["running"]

    done(config, "up")
    assert asyncio.run(kept(config)) == ([b"first"], [b"first"])
    asyncio.run(write_one(config, b"second"))

    orphans = [psutil.Process(pid) for pid in pids(config).values()]
    os.kill(status(config)["supervisor"], signal.SIGKILL)
    done(config, "up")
    assert [orphan for orphan in orphans if orphan.is_running()] == []
    assert asyncio.run(kept(config)) == ([b"first", b"second"], [b"first", b"second"])

    done(config, "clean", "--yes")
    assert not config.state_dir.exists()
    done(config, "up")
    assert not asyncio.run(has_table(config))


async def has_table(config: StackConfig) -> bool:
    connection = await connect(config, config.database)
    found = await connection.fetchval("SELECT to_regclass('kept')")
    await connection.close()
    return found is not None


def test_killed_broker_and_database_come_back_with_their_data(config: StackConfig) -> None:
    done(config, "up")
    asyncio.run(write_one(config, b"kept"))
    before = pids(config)
    for name in ("kafka", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    wait_until_ready(config, before)
    after = status(config)
    assert {name: part["restarts"] for name, part in after["parts"].items()} == {"kafka": 1, "postgres": 1}
    assert asyncio.run(kept(config)) == ([b"kept"], [b"kept"])
    assert "Lanewatch is up already" in done(config, "up")
    assert "access: open" in done(config, "status")
    refused = lanewatch(config, "up", "--tokens")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "runs already without tokens; `lanewatch down` first" in refused.stderr
    assert "database system was not properly shut down" in done(config, "logs", "postgres")


def wait_until_ready(config: StackConfig, before: dict[str, int]) -> None:
    async def poll() -> None:
        async with asyncio.timeout(20):
            while not status(config)["ready"] or set(before.values()) & set(pids(config).values()):  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.1)  # asks another process, which sends no event

    asyncio.run(poll())


def test_two_ups_at_once_give_one_stack(config: StackConfig) -> None:
    both = [start(config, "up") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    other = replace(config, alerts_port=config.alerts_port + 1)
    refused = lanewatch(other, "up")
    assert refused.returncode == 1
    assert "already runs on other ports" in refused.stderr


@pytest.mark.parametrize("part", ["kafka", "kafka_controller", "postgres"])
def test_port_that_is_taken_is_named_with_its_holder_and_variable(config: StackConfig, part: str) -> None:
    with socket.create_server(("127.0.0.1", config.port_of(part))):
        refused = lanewatch(config, "up")
    assert refused.returncode == 1
    lines = refused.stderr.splitlines()
    assert len(lines) == 1
    assert f"Port {config.port_of(part)}, wanted for {part}, is taken by" in lines[0]
    assert f"pid {os.getpid()}" in lines[0]
    assert f"set LANEWATCH_{part.upper()}_PORT to a free port" in lines[0]
    assert status(config)["running"] is False


def test_a_database_whose_processes_outlive_it_is_started_again_once_they_have_ended(config: StackConfig) -> None:
    done(config, "up")
    before = pids(config)
    orphan = next(
        child for child in psutil.Process(before["postgres"]).children() if "checkpointer" in " ".join(child.cmdline())
    )
    orphan.suspend()
    os.kill(before["postgres"], signal.SIGKILL)
    time.sleep(1)
    orphan.resume()
    wait_until_ready(config, {"postgres": before["postgres"]})
    assert status(config)["parts"]["postgres"]["restarts"] == 1
