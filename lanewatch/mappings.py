"""Keeps, shows and removes the mappings that the ingest reads spreadsheets by."""

from pathlib import Path
from typing import Any

import httpx

from lanewatch.sending import in_words
from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from lanewatch.tokens import headers

Json = dict[str, Any]

TIMEOUT_S = 30.0


def put(config: StackConfig, name: str, file: Path) -> Json:
    """Keep a mapping. Raises StackError with all that is wrong with it."""
    return _asked(config, "PUT", f"/{name}", file.read_bytes())


def listed(config: StackConfig) -> list[Json]:
    """Return the mappings that there are."""
    found: list[Json] = _asked(config, "GET", "")["items"]
    return found


def shown(config: StackConfig, name: str) -> Json:
    """Return a mapping."""
    return _asked(config, "GET", f"/{name}")


def remove(config: StackConfig, name: str) -> None:
    """Forget a mapping."""
    _asked(config, "DELETE", f"/{name}")


def _asked(config: StackConfig, method: str, path: str, content: bytes | None = None) -> Json:
    own = {**headers(config), **({"content-type": "application/json"} if content is not None else {})}
    url = f"{config.url_of('ingest')}/v1/mappings{path}"
    try:
        answer = httpx.request(method, url, headers=own, content=content, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        raise StackError("This needs the running stack: lanewatch up, with the same ports.") from error
    if not answer.is_success:
        raise StackError(in_words(answer))
    return {} if answer.status_code == httpx.codes.NO_CONTENT else dict(answer.json())
