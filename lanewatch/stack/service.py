"""One of the three services as a part of the stack."""

import sys

from lanewatch.stack.config import StackConfig
from lanewatch.stack.keeper import Part
from lanewatch.stack.probes import answers_ok
from lanewatch.stack.process import Command


def service_part(config: StackConfig, name: str) -> Part:
    """Describe the service of this config."""
    return Part(
        name=name,
        command=Command(
            argv=(sys.executable, "-m", f"services.{name}.main"),
            log=config.log_dir / f"{name}.log",
            environment=config.environment() | {"PYTHONUNBUFFERED": "1"},
        ),
        is_ready=lambda: answers_ok(config.port_of(name), "/health/ready"),
    )
