"""How a stack fares now, asked of its parts themselves."""

import asyncio
from typing import Any

from lanewatch.stack import record
from lanewatch.stack.config import StackConfig
from lanewatch.stack.postgres import answers
from lanewatch.stack.probes import accepts, answers_ok
from lanewatch.stack.stack import BACKBONE, part_names


def status_of(config: StackConfig) -> dict[str, Any]:
    """Return the supervisor's record and whether each part serves now."""
    running = record.read(config) if record.is_supervised(config) else None
    serving = asyncio.run(_ask_all(config)) if running else dict.fromkeys(part_names(config), False)
    return {
        "running": running is not None,
        "ready": running is not None and all(serving.values()),
        "asks_tokens": running.asks_tokens if running else None,
        "supervisor": running.pid if running else None,
        "parts": {name: _part(running, config, name) | {"ready": serving[name]} for name in part_names(config)},
    }


def _part(running: record.Record | None, config: StackConfig, name: str) -> dict[str, Any]:
    known = running.parts.get(name) if running else None
    return {
        "state": known.state if known else "stopped",
        "pid": known.process.pid if known and known.process else None,
        "restarts": known.restarts if known else 0,
        "address": f"127.0.0.1:{config.port_of(name)}" if name in BACKBONE else config.url_of(name),
    }


async def _ask_all(config: StackConfig) -> dict[str, bool]:
    names = part_names(config)
    answered = await asyncio.gather(*(_ask(config, name) for name in names))
    return dict(zip(names, answered, strict=True))


async def _ask(config: StackConfig, name: str) -> bool:
    if name == "postgres":
        return await answers(config)
    if name == "kafka":
        return await accepts(config.kafka_port)
    return await answers_ok(config.port_of(name), "/health/ready")
