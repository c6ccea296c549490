"""Wires the demo: its own stack in replay time, the receiver, the subscriptions, the replay and the summary."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from lanewatch import screen as stack_screen
from lanewatch.demo import screen, summary
from lanewatch.demo.client import Client
from lanewatch.demo.ending import wait_until_quiet
from lanewatch.demo.figures import read_figures
from lanewatch.demo.posting import FrontDoor
from lanewatch.demo.receiver import Receiver
from lanewatch.demo.replay import Replay
from lanewatch.demo.story import Story, tell
from lanewatch.demo.subscribing import Memory, subscribe
from lanewatch.stack import SERVICES, StackConfig, StackError, control, record
from lanewatch.stack.ports import HOST


@dataclass
class Times:
    """How long each part of the run took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure a block."""
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


def run(config: StackConfig, *, scale: float, summary_file: Path | None, keep: bool) -> bool:
    """Play the story on the demo's own stack and print what comes of it; return whether all is well.

    Raises StackError when something stands in the way.
    """
    demo = config.demo
    _require_no_other(config, demo)
    story, times = tell(read_figures(), scale), Times()
    try:
        proper, of_run = asyncio.run(_run(demo, story, times))
    finally:
        if not keep:
            with times.of("stop"):
                control.down(demo, lambda _: None)
    of_run["seconds"] = {name: round(value, 2) for name, value in times.seconds.items()}
    screen.summary(proper, of_run)
    if summary_file:
        summary_file.write_text(json.dumps({"summary": proper, "this_run": of_run}, indent=2) + "\n")
    if keep:
        stack_screen.addresses(demo, is_new=False)
        screen.how_to_stop(demo)
    return bool(proper["is_clean"])


def _require_no_other(config: StackConfig, demo: StackConfig) -> None:
    other = record.read(config) if record.is_supervised(config) else None
    if other and set(other.ports.values()) & set(record.ports_of(demo).values()):
        raise StackError(
            "Lanewatch runs already (make up) on ports that the demo needs for a stack of its own. "
            "Stop it first (make down), or set other ports for the demo, e.g. LANEWATCH_INGEST_PORT."
        )


async def _run(demo: StackConfig, story: Story, times: Times) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = demo.data_dir / "receiver"
    memory = Memory(folder)
    _require_same_story(folder / "story.txt", story)
    telling = screen.StoryScreen(len(story.days))
    receiver = Receiver(folder, memory.secrets_for(demo.demo_receiver_port), telling.hear)
    async with AsyncExitStack() as exits:
        # The subscribers are there before the stack: it may have something left to deliver.
        await receiver.start(HOST, demo.demo_receiver_port)
        exits.push_async_callback(receiver.stop)
        with times.of("start"), stack_screen.Progress() as progress:
            await asyncio.to_thread(control.up, demo, progress.say, progress.watch)
        session = await exits.enter_async_context(aiohttp.ClientSession(trust_env=False))
        clients = {name: Client(session, name, demo.url_of(name)) for name in SERVICES}
        await subscribe(clients["alerts"], memory, HOST, demo.demo_receiver_port)
        door = FrontDoor(clients["ingest"])
        replay = Replay(door, clients["licensing"])
        with telling:
            with times.of("replay"):
                await replay.play(story, lambda day: telling.day(day.date.isoformat()))
            with times.of("last webhooks"):
                await wait_until_quiet(clients["licensing"], clients["alerts"], receiver)
        found = await summary.ask(story, clients["licensing"], clients["alerts"])
    of_run = summary.of_this_run(found, receiver, door, clients.values())
    of_run |= {"seen_parked": replay.seen_parked, "restarts": _restarts(demo)}
    return summary.summarise(story, found, receiver), of_run


def _require_same_story(path: Path, story: Story) -> None:
    """Keep the story's fingerprint. Raises StackError when the data is of another one."""
    if path.exists() and path.read_text() != story.fingerprint:
        raise StackError(
            f"The demo's data in {path.parents[2]} is of another story (other figures, another scale). "
            "Remove it first: lanewatch clean."
        )
    path.write_text(story.fingerprint)


def _restarts(demo: StackConfig) -> dict[str, int]:
    last = record.read(demo)
    return {name: part.restarts for name, part in last.parts.items()} if last else {}
