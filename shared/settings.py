"""Settings that every service reads from the environment, prefix `LANEWATCH_`."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

PREFIX = "LANEWATCH_"


class WrongSettingError(SystemExit):
    """A setting is not what it should be: one line with its variable's name and the reason."""


def _level(value: str) -> str:
    if value not in logging.getLevelNamesMapping():
        raise ValueError(f"should be one of {', '.join(logging.getLevelNamesMapping())}")
    return value


class SharedSettings(BaseSettings):
    """Where Kafka and PostgreSQL are, what the topics are called, and which clock rules."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    kafka_bootstrap: str = "127.0.0.1:19092"
    database_url: str = "postgresql+asyncpg://lanewatch@127.0.0.1:15432/lanewatch"
    topic_events: str = "trade.events"
    topic_decisions: str = "trade.decisions"
    topic_dead_letters_licensing: str = "trade.events.dead-letters.licensing"
    topic_dead_letters_alerts: str = "trade.decisions.dead-letters.alerts"
    clock: Literal["wall", "replay"] = "wall"
    """`wall`: the scheduler publishes the time. `replay`: whoever posts the events posts the time too."""
    log_level: Annotated[str, AfterValidator(_level)] = "INFO"
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


S = TypeVar("S", bound=SharedSettings)


def read_settings(kind: type[S]) -> S:
    """Return the settings of the environment. Raises WrongSettingError with all that are wrong."""
    try:
        return kind()
    except ValidationError as error:
        said = [_said(each["loc"], each["msg"].removeprefix("Value error, ")) for each in error.errors()]
        raise WrongSettingError("; ".join(said)) from None
    except UnreadableError as error:
        field = re.search(r'field "(\w+)"', str(error))
        raise WrongSettingError(_said(field.groups() if field else (), "should be JSON, e.g. [1, 5, 30]")) from None


@contextmanager
def file_of(setting: str) -> Iterator[None]:
    """Name a setting, e.g. `ingest_senders_file`, where its file cannot be read. Raises WrongSettingError."""
    try:
        yield
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise WrongSettingError(_said((setting,), " ".join(str(error).split()))) from error


def _said(place: tuple[int | str, ...], reason: str) -> str:
    return f"{PREFIX}{str(place[0]).upper()}: {reason}" if place else reason
