"""Killing each service in the middle of the demo changes nothing in what comes of it."""

import json
import os
import signal

import pytest

from lanewatch.stack import SERVICES, StackConfig, record
from tests.e2e.demo.expected import STATES
from tests.e2e.demo.running import new_config, run_demo, undisturbed

pytestmark = pytest.mark.timeout(360)

WHEN = {"2025-04-04": "ingest", "2025-05-18": "licensing", "2025-10-09": "alerts"}
"""The service is killed as soon as the first news of this day is heard."""


class Killer:
    """Kills a service with SIGKILL on its day, once."""

    def __init__(self, config: StackConfig) -> None:
        self.config = config
        self.killed: dict[str, int] = {}

    def see(self, line: str) -> None:
        name = WHEN.get(line[:10])
        if name and name not in self.killed:
            running = record.read(self.config)
            assert running is not None
            process = running.parts[name].process
            assert process is not None
            assert process.is_alive()
            os.kill(process.pid, signal.SIGKILL)
            self.killed[name] = process.pid


def test_killed_services_change_nothing_in_the_summary() -> None:
    _, whole = undisturbed()
    config = new_config()
    killer = Killer(config.demo)
    disturbed = run_demo(config, on_line=killer.see)
    assert disturbed.code == 0, disturbed.errors + json.dumps(disturbed.summary.get("audit"))
    assert set(killer.killed) == set(SERVICES)
    assert {name: disturbed.this_run["restarts"][name] for name in SERVICES} == dict.fromkeys(SERVICES, 1)
    assert disturbed.this_run["requests_repeated"]["ingest"] > 0
    assert disturbed.this_run["requests_repeated"]["licensing"] > 0
    assert disturbed.summary == whole.summary
    assert {lane: disturbed.summary["states"][lane] for lane in STATES} == STATES
