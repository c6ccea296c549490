"""docker-compose.yml and the Dockerfile: valid by their specifications, and the same stack as `make up`."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lanewatch.stack import SERVICES, StackConfig, Topics
from lanewatch.stack.config import PROJECT
from lanewatch.stack.jars import kafka_version, read_lock
from lanewatch.stack.kafka import CLUSTER_ID, SETTINGS
from lanewatch.stack.postgres import BINARIES, DURABLE, INITDB_ARGS

COMPOSE = PROJECT / "docker-compose.yml"
DOCKERFILE = PROJECT / "deploy" / "Dockerfile"
PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return parsed


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kafka_environment(compose: dict[str, Any]) -> dict[str, str]:
    given = {name: str(value) for name, value in compose["services"]["kafka"]["environment"].items()}
    return {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in given.items()}


def test_compose_file_follows_the_compose_specification() -> None:
    output_of(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_dockerfile_has_no_lint() -> None:
    output_of(PROGRAMS / "hadolint", DOCKERFILE)


def test_kafka_is_the_version_of_the_local_stack(compose: dict[str, Any]) -> None:
    version = kafka_version(read_lock())
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{version}"
    assert compose["services"]["topics"]["image"] == f"apache/kafka:{version}"


def test_postgres_is_the_version_of_the_local_stack(compose: dict[str, Any]) -> None:
    version = output_of(BINARIES / "postgres", "--version").split()[-1]
    assert compose["services"]["postgres"]["image"] == f"postgres:{version}"
    assert compose["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split() == list(INITDB_ARGS)


def test_postgres_has_the_settings_of_the_local_stack_for_data_that_is_kept(compose: dict[str, Any]) -> None:
    _, *options = compose["services"]["postgres"]["command"]
    settings = dict(option.split("=", 1) for option in options if option != "-c")
    assert settings | DURABLE == settings


def test_kafka_has_every_setting_of_the_local_stack(compose: dict[str, Any]) -> None:
    lines = [line for line in SETTINGS.read_text().splitlines() if line and not line.startswith("#")]
    local = dict(line.split("=", 1) for line in lines)
    contained = kafka_environment(compose)
    # the containers have a listener more
    assert contained.pop("listener.security.protocol.map").startswith(local.pop("listener.security.protocol.map"))
    assert {name: contained.get(name) for name in local} == local
    assert contained["cluster.id"] == CLUSTER_ID


def test_topics_are_those_of_the_local_stack(compose: dict[str, Any]) -> None:
    line = r"^create (\S+) (\d+)(?: --config (\S+)=(\S+))?$"
    created = re.findall(line, compose["services"]["topics"]["command"][0], re.MULTILINE)
    assert {name: int(count) for name, count, _, _ in created} == Topics().partitions()
    assert {name: {key: value} for name, _, key, value in created if key} == Topics().settings()


def test_published_ports_are_local_and_the_defaults_of_the_local_stack(compose: dict[str, Any]) -> None:
    config = StackConfig(Path("/nowhere"))
    published = {name: part["ports"] for name, part in compose["services"].items() if "ports" in part}
    for name, ports in published.items():
        expected = f"127.0.0.1:${{LANEWATCH_{name.upper()}_PORT:-{config.port_of(name)}}}:"
        assert [port for port in ports if not port.startswith(expected)] == []
    assert set(published) == {"kafka", "postgres", *SERVICES}


def test_every_image_is_pinned_and_every_service_confined(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        image = part.get("image")
        assert image is None or re.fullmatch(r"[\w./-]+:\d+(\.\d+)+", image), name
        assert part["cap_drop"] == ["ALL"], name
        assert part["security_opt"] == ["no-new-privileges:true"], name
        assert part.get("read_only") or name == "kafka", name
        assert "privileged" not in part, name


def test_dockerfile_has_a_confined_target_with_a_health_check_for_every_service() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]
    by_name = {stage.split()[2]: stage for stage in stages}
    for name in SERVICES:
        stage = by_name[name]
        port = StackConfig(Path("/nowhere")).port_of(name)
        assert stage.startswith("service AS")
        assert f"EXPOSE {port}" in stage
        assert f'CMD ["python", "healthcheck.py", "{port}"]' in stage
        assert f'CMD ["python", "-m", "services.{name}.main"]' in stage
    assert "USER 10001" in by_name["service"]
    assert "--require-hashes" in by_name["build"]


def test_files_that_come_in_parts_outlive_their_container_in_a_folder_of_the_services_user(
    compose: dict[str, Any],
) -> None:
    ingest = compose["services"]["ingest"]
    folder = ingest["environment"]["LANEWATCH_INGEST_FILES_DIR"]
    (volume,) = ingest["volumes"]
    assert volume == f"files:{folder}"
    assert "files" in compose["volumes"]
    assert f"install -d -o 10001 -m 700 {folder}" in DOCKERFILE.read_text()
