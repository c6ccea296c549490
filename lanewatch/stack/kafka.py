"""Apache Kafka as one KRaft node: its jars, its settings, its data folder, its process."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lanewatch.stack.config import PROJECT, StackConfig
from lanewatch.stack.jars import Download, cache_dir, download_from_maven, install, kafka_version, read_lock
from lanewatch.stack.java import JAVA, JAVA_VERSION, start_cache
from lanewatch.stack.keeper import Part
from lanewatch.stack.ports import HOST, free_ports
from lanewatch.stack.probes import accepts
from lanewatch.stack.process import Command, run
from lanewatch.stack.topics import has_topics

DEPLOY = PROJECT / "deploy" / "kafka"
SETTINGS = DEPLOY / "server.properties"
LOGGING = DEPLOY / "log4j2.properties"
# One node for one user: any fixed id will do (docker-compose.yml has the same).
CLUSTER_ID = "bGFuZXdhdGNoLWxvY2FsMQ"
JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)

Say = Callable[[str, int, int], None]
"""Told what is being prepared, and how much of how much is done."""


@dataclass(frozen=True)
class Kafka:
    """Kafka as installed on this machine."""

    jars: tuple[Path, ...]
    start_cache: Path | None

    def arguments(self, *program: str) -> tuple[str, ...]:
        """Return Java's arguments for one of Kafka's programs."""
        cache = (f"-XX:AOTCache={self.start_cache}",) if self.start_cache else ()
        return (*cache, *_arguments(self.jars, *program))


def installed(say: Say, download: Download = download_from_maven) -> Kafka:
    """Return Kafka, after downloading it and making its start-up cache on first use. Raises StackError."""
    pinned = read_lock()
    version = kafka_version(pinned)
    folder = cache_dir() / f"kafka-{version}"
    jars = install(folder, pinned, download, lambda done, all_: say(f"Downloading Kafka {version}", done, all_))
    # The cache holds for these jars, in this folder, with this Java, and for no others.
    content = "".join(jar.sha256 for jar in pinned) + str(folder) + JAVA_VERSION + " ".join(JVM)
    key = f"start-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if not list(folder.glob(f"{key}.aot*")):
        say("Preparing Java to start faster", 0, 1)
    return Kafka(tuple(jars), start_cache(folder, key, lambda *place: _training(jars, *place), free_ports(1)[0]))


def kafka_part(config: StackConfig, kafka: Kafka) -> Part:
    """Describe the broker of this config."""
    properties = config.run_dir / "kafka.properties"
    return Part(
        name="kafka",
        command=_command(config, kafka, "kafka.Kafka", str(properties)),
        prepare=lambda: _prepare(config, kafka, properties),
        is_ready=lambda: accepts(config.kafka_port),
        complete=lambda: has_topics(config),
    )


def properties_text(data: Path, port: int, controller_port: int) -> str:
    """Return the committed settings and what depends on the place."""
    own = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(data),
    }
    return SETTINGS.read_text() + "".join(f"{name}={value}\n" for name, value in own.items())


def _arguments(jars: Sequence[Path], *program: str) -> tuple[str, ...]:
    return (*JVM, f"-Dlog4j2.configurationFile={LOGGING}", "-cp", ":".join(map(str, jars)), *program)


def _command(config: StackConfig, kafka: Kafka, *program: str) -> Command:
    return Command(argv=(str(JAVA), *kafka.arguments(*program)), log=config.log_dir / "kafka.log")


async def _prepare(config: StackConfig, kafka: Kafka, properties: Path) -> None:
    data = config.data_dir / "kafka"
    config.run_dir.mkdir(parents=True, exist_ok=True)
    if not (data / "meta.properties").exists():
        # Formatted aside and moved when complete, so that an interrupted first start leaves nothing half made.
        draft = data.with_name("kafka.partial")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write_properties(config, properties, draft)
        await run(_command(config, kafka, *_format(properties)), timeout_s=60)
        draft.rename(data)
    _write_properties(config, properties, data)


def _write_properties(config: StackConfig, path: Path, data: Path) -> None:
    path.write_text(properties_text(data, config.kafka_port, config.kafka_controller_port))


def _format(properties: Path) -> tuple[str, ...]:
    return ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))


def _training(jars: Sequence[Path], scratch: Path, port: int) -> Sequence[Sequence[str]]:
    properties = Path(tempfile.mkstemp(dir=scratch, suffix=".properties")[1])
    properties.write_text(properties_text(scratch / "data", port, free_ports(1)[0]))
    return (
        _arguments(jars, *_format(properties)),
        _arguments(jars, "kafka.Kafka", str(properties)),
    )
