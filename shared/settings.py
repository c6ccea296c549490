"""Settings that every service reads from the environment, prefix `LANEWATCH_`."""

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class SharedSettings(BaseSettings):
    """Where Kafka and PostgreSQL are, what the topics are called, and which clock rules."""

    model_config = SettingsConfigDict(env_prefix="LANEWATCH_", extra="ignore", frozen=True)

    kafka_bootstrap: str = "127.0.0.1:19092"
    database_url: str = "postgresql+asyncpg://lanewatch@127.0.0.1:15432/lanewatch"
    topic_events: str = "trade.events"
    topic_decisions: str = "trade.decisions"
    topic_dead_letters_licensing: str = "trade.events.dead-letters.licensing"
    topic_dead_letters_alerts: str = "trade.decisions.dead-letters.alerts"
    clock: Literal["wall", "replay"] = "wall"
    """`wall`: the scheduler publishes the time. `replay`: whoever posts the events posts the time too."""
    log_level: str = "INFO"
    bind_host: str = "127.0.0.1"
    licensing_url: str = "http://127.0.0.1:8002"
    """Where a receipt says to ask what became of an event."""

    auth: Literal["tokens", "open"] = "tokens"
    """`open` lets a service run without keys where others than this machine can reach it."""
    auth_keys_file: Path | None = None
    """A JWKS (RFC 7517) of the public keys that tokens are signed with."""
    auth_jwks_url: str | None = None
    """Where an identity provider publishes them."""
    auth_clients_file: Path | None = None
    """Whom client certificates stand for; see docs/ingest/security.md."""
    auth_proxies: str = ""
    """Networks, apart by blanks, whose proxies tell of a client's certificate (RFC 9440)."""
    auth_issuer: str = "lanewatch"
    auth_audience: str = "lanewatch"
