"""A whole stack in this process: Kafka and PostgreSQL, then the services, each kept running until `stop`."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Self

from lanewatch.stack.config import StackConfig, variable
from lanewatch.stack.errors import StackError
from lanewatch.stack.kafka import Kafka, installed, kafka_part
from lanewatch.stack.keeper import POLL_S, Keeper
from lanewatch.stack.ports import require_free
from lanewatch.stack.postgres import postgres_part
from lanewatch.stack.secrets_key import ensure_secrets_key
from lanewatch.stack.service import service_part

BACKBONE = ("postgres", "kafka")
NEEDED_BYTES = 500_000_000


class Stack:
    """Starts, stops and kills the parts by name: `kafka`, `postgres` and the services of the config.

    An async context manager: on leaving, everything is stopped and the data stays.
    """

    def __init__(
        self,
        config: StackConfig,
        *,
        kafka: Kafka | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        kafka = kafka or installed(lambda *_: None)
        parts = [
            postgres_part(config),
            kafka_part(config, kafka),
            *(service_part(config, name) for name in config.services),
        ]
        self.parts = {part.name: Keeper(part, on_change) for part in parts}

    def __getitem__(self, name: str) -> Keeper:
        return self.parts[name]

    async def start(self) -> None:
        """Start Kafka and PostgreSQL, then the services. Raises StackError; then what did start is stopped again."""
        self._check_place()
        try:
            await self._start([name for name in self.parts if name in BACKBONE])
            await self._start([name for name in self.parts if name not in BACKBONE])
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the services, then Kafka and PostgreSQL. The data stays."""
        for is_backbone in (False, True):
            names = [name for name in self.parts if (name in BACKBONE) is is_backbone]
            await asyncio.gather(*(self.parts[name].stop() for name in names))

    async def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until every part serves."""
        await asyncio.gather(*(keeper.wait_ready(timeout_s) for keeper in self.parts.values()))

    async def wait_serving(self, timeout_s: float = 60.0) -> None:
        """Wait until every part says now that it serves; a service says so of what it depends on, too.

        Raises StackError with the names of those that do not.
        """
        deadline = time.monotonic() + timeout_s
        while silent := await self.silent():
            if time.monotonic() > deadline:
                raise StackError(f"Not serving after {timeout_s:g} s: {', '.join(silent)}.")
            await asyncio.sleep(POLL_S)

    async def silent(self) -> list[str]:
        """Return the names of the parts that do not serve now."""
        answers = await asyncio.gather(*(keeper.part.is_ready() for keeper in self.parts.values()))
        return [name for name, is_ready in zip(self.parts, answers, strict=True) if not is_ready]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self, names: Sequence[str]) -> None:
        tasks = [asyncio.create_task(self.parts[name].start()) for name in names]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    def _check_place(self) -> None:
        check_ports(self.config)
        self.config.state_dir.mkdir(parents=True, exist_ok=True)
        if not self.config.has_own_key:
            ensure_secrets_key(self.config.secrets_key_file)
        free = shutil.disk_usage(self.config.state_dir).free
        if free < NEEDED_BYTES:
            raise StackError(
                f"Only {free // 1_000_000} MB are free on the disk of {self.config.state_dir}; Lanewatch wants "
                f"{NEEDED_BYTES // 1_000_000} MB. Make room, or set LANEWATCH_STATE_DIR to a folder on another disk."
            )


def part_names(config: StackConfig) -> tuple[str, ...]:
    """Return the names of the parts, in the order in which they start."""
    return (*BACKBONE, *config.services)


def check_ports(config: StackConfig) -> None:
    """Raise StackError when a port is taken or asked for twice."""
    seen: dict[int, str] = {}
    for name in (*part_names(config), "kafka_controller"):
        port = config.port_of(name)
        if other := seen.get(port):
            raise StackError(f"{variable(f'{name}_port')} and {variable(f'{other}_port')} are both {port}.")
        seen[port] = name
        require_free(port, name, variable(f"{name}_port"))
