"""Logs as JSON lines on standard error, and the metrics registry."""

import logging
import sys
import time

import structlog
from prometheus_client import REGISTRY, generate_latest

CONTENT_TYPE_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class RateLimited(logging.Filter):
    """Lets a logger's same message through once per `every_s` seconds; says how many it kept back."""

    def __init__(self, every_s: float = 5.0) -> None:
        super().__init__()
        self.every_s = every_s
        self._next: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record may be written now."""
        now, key = time.monotonic(), f"{record.name}:{record.lineno}"
        if now < self._next.get(key, 0.0):
            self._kept_back[key] = self._kept_back.get(key, 0) + 1
            return False
        self._next[key] = now + self.every_s
        if kept_back := self._kept_back.pop(key, 0):
            record.msg = f"{record.getMessage()} (and {kept_back} more like it)"
            record.args = ()
        return True


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send this process's logs, its libraries' too, to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # A broker that is away makes the client library log thousands of lines a second.
    handler.addFilter(_LibrariesOnly(RateLimited()))
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


class _LibrariesOnly(logging.Filter):
    """Applies a filter to the Kafka client's records and lets all others pass."""

    def __init__(self, inner: logging.Filter) -> None:
        super().__init__()
        self.inner = inner

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record may be written."""
        return not record.name.startswith("aiokafka") or bool(self.inner.filter(record))


def metrics_page() -> bytes:
    """Return this process's metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
