"""What a stack is made of and where: ports, folders, names. All from the environment."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, cast

from lanewatch.stack.errors import StackError
from lanewatch.stack.ports import HOST, free_ports

SERVICES = ("ingest", "licensing", "alerts")
PROJECT = Path(__file__).resolve().parents[2]
LAST_PORT = 65_535
NO_SERVICES = "none"
LOOPBACK = "127.0.0.0/8,::1"
SECRETS_KEY = Path("keys") / "secrets.key"

Clock = Literal["wall", "replay"]


@dataclass(frozen=True)
class Topics:
    """Names of the topics; tests take fresh ones."""

    events: str = "trade.events"
    decisions: str = "trade.decisions"
    dead_letters_licensing: str = "trade.events.dead-letters.licensing"
    dead_letters_alerts: str = "trade.decisions.dead-letters.alerts"
    mappings: str = "ingest.mappings"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read LANEWATCH_TOPIC_EVENTS and its like."""
        return cls(
            **{name: env.get(f"LANEWATCH_TOPIC_{name.upper()}", default) for name, default in vars(cls()).items()}
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that `from_env` reads."""
        return {f"LANEWATCH_TOPIC_{name.upper()}": value for name, value in vars(self).items()}

    def partitions(self) -> dict[str, int]:
        """Return the number of partitions of each topic."""
        return {
            self.events: 6,
            self.decisions: 6,
            self.dead_letters_licensing: 1,
            self.dead_letters_alerts: 1,
            self.mappings: 1,
        }

    def settings(self) -> dict[str, dict[str, str]]:
        """Return the settings of each topic that are not the broker's."""
        return {self.mappings: {"cleanup.policy": "compact"}}


@dataclass(frozen=True)
class StackConfig:
    """Where the parts of one stack listen and keep their data."""

    state_dir: Path
    kafka_port: int = 19092
    kafka_controller_port: int = 19093
    postgres_port: int = 15432
    ingest_port: int = 8001
    licensing_port: int = 8002
    alerts_port: int = 8003
    demo_receiver_port: int = 8010
    services: tuple[str, ...] = SERVICES
    """Which services run here; fewer when one is run from an editor, say."""
    clock: Clock = "wall"
    database: str = "lanewatch"
    is_durable: bool = True
    """Flush to disk at every commit. Without it a crash of the machine, though not of a process, loses data."""
    topics: Topics = field(default_factory=Topics)
    asks_tokens: bool = False
    """Whether the services let only those in who show a token of the local key."""
    allow_networks: str = LOOPBACK
    """Where webhooks may go besides the internet."""
    has_own_key: bool = False
    """Whether the environment brings the key that seals webhook secrets; then the stack makes none."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read the LANEWATCH_ variables. Raises StackError when one is not what it should be."""
        clock = env.get("LANEWATCH_CLOCK", "wall")
        if clock not in ("wall", "replay"):
            raise StackError(f"LANEWATCH_CLOCK is {clock!r}; it should be wall or replay.")
        state_dir = Path(env.get("LANEWATCH_STATE_DIR") or PROJECT / ".lanewatch").resolve()
        return cls(
            state_dir=state_dir,
            kafka_port=_port(env, "kafka_port"),
            kafka_controller_port=_port(env, "kafka_controller_port"),
            postgres_port=_port(env, "postgres_port"),
            ingest_port=_port(env, "ingest_port"),
            licensing_port=_port(env, "licensing_port"),
            alerts_port=_port(env, "alerts_port"),
            demo_receiver_port=_port(env, "demo_receiver_port"),
            services=_services(env),
            clock=cast("Clock", clock),
            is_durable=env.get("LANEWATCH_DURABLE", "yes") != "no",
            topics=Topics.from_env(env),
            asks_tokens=env.get("LANEWATCH_TOKENS", "no") == "yes",
            allow_networks=env.get("LANEWATCH_ALERTS_ALLOW_NETWORKS", LOOPBACK),
            has_own_key=_brings_key(env, state_dir),
        )

    @classmethod
    def for_tests(cls, folder: Path | None = None) -> Self:
        """Make a config on free ports that shares nothing with another stack."""
        ports = free_ports(len(PORTS))
        return cls(
            state_dir=folder or Path(tempfile.mkdtemp(prefix="lanewatch-")),
            is_durable=False,
            **dict(zip(PORTS, ports, strict=True)),  # type: ignore[arg-type] # every one of PORTS is an int field
        )

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return f"postgresql+asyncpg://lanewatch@{HOST}:{self.postgres_port}/{self.database}"

    @property
    def data_dir(self) -> Path:
        """Where Kafka and PostgreSQL keep their data."""
        return self.state_dir / "data"

    @property
    def log_dir(self) -> Path:
        """Where each part writes its log."""
        return self.state_dir / "logs"

    @property
    def run_dir(self) -> Path:
        """Where the supervisor says that it runs, and how."""
        return self.state_dir / "run"

    @property
    def keys_file(self) -> Path:
        """The public keys that local tokens are checked with; the private one is beside it."""
        return self.state_dir / "keys" / "jwks.json"

    @property
    def secrets_key_file(self) -> Path:
        """The key that seals webhook secrets in the database."""
        return self.state_dir / SECRETS_KEY

    @property
    def demo(self) -> Self:
        """The stack that the demo starts for itself: the same ports, other data, and time that the events bring."""
        return replace(self, state_dir=self.state_dir / "demo", clock="replay", services=SERVICES, asks_tokens=False)

    def port_of(self, part: str) -> int:
        """Return the port of a part, e.g. of `kafka` or `ingest`."""
        return cast("int", getattr(self, f"{part}_port"))

    def url_of(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://{HOST}:{self.port_of(service)}"

    def environment(self) -> dict[str, str]:
        """Return what the services and the supervisor read; `from_env` of it gives this config again."""
        return {
            **(
                {"LANEWATCH_TOKENS": "yes", "LANEWATCH_AUTH_KEYS_FILE": str(self.keys_file)} if self.asks_tokens else {}
            ),
            "LANEWATCH_STATE_DIR": str(self.state_dir),
            "LANEWATCH_KAFKA_BOOTSTRAP": self.bootstrap,
            "LANEWATCH_DATABASE_URL": self.database_url,
            "LANEWATCH_SERVICES": ",".join(self.services) or NO_SERVICES,
            "LANEWATCH_CLOCK": self.clock,
            # Receivers run on this machine, too; a service that runs elsewhere delivers to the internet alone.
            "LANEWATCH_ALERTS_ALLOW_NETWORKS": self.allow_networks,
            **({} if self.has_own_key else {"LANEWATCH_ALERTS_SECRETS_KEY_FILE": str(self.secrets_key_file)}),
            "LANEWATCH_INGEST_FILES_DIR": str(self.state_dir / "files"),
            "LANEWATCH_DURABLE": "yes" if self.is_durable else "no",
            **{variable(name): str(getattr(self, name)) for name in PORTS},
            **{f"LANEWATCH_{name.upper()}_URL": self.url_of(name) for name in SERVICES},
            **self.topics.environment(),
        }


PORTS = tuple(name for name in StackConfig.__dataclass_fields__ if name.endswith("_port"))


def variable(name: str) -> str:
    """Return the environment variable of a field."""
    return f"LANEWATCH_{name.upper()}"


def _brings_key(env: Mapping[str, str], state_dir: Path) -> bool:
    file = env.get("LANEWATCH_ALERTS_SECRETS_KEY_FILE")
    is_other_file = bool(file) and Path(file or "") != state_dir / SECRETS_KEY
    return is_other_file or bool(env.get("LANEWATCH_ALERTS_SECRETS_KEYS"))


def _services(env: Mapping[str, str]) -> tuple[str, ...]:
    text = env.get("LANEWATCH_SERVICES") or ",".join(SERVICES)
    names = () if text == NO_SERVICES else tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in SERVICES:
            raise StackError(f"LANEWATCH_SERVICES names {name!r}; there are {', '.join(SERVICES)}, or {NO_SERVICES}.")
    return names


def _port(env: Mapping[str, str], name: str) -> int:
    text = env.get(variable(name)) or str(StackConfig.__dataclass_fields__[name].default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LAST_PORT):
        raise StackError(f"{variable(name)} is {text!r}; it should be a port number.")
    return int(text)
