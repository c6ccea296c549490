"""What the faults of the alerts service need: a receiver, a producer, and lines that can be cut."""

from tests.integration.alerts.conftest import producer, receiver

__all__ = ["producer", "receiver"]
