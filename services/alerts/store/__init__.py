"""What is kept, in the schema `alerts`: set-based statements, each function inside the caller's transaction."""

from pathlib import Path

SCHEMA = "alerts"
VERSIONS = Path(__file__).parent / "versions"
DUE_CHANNEL = "lanewatch_alerts_due"
CHANGED_CHANNEL = "lanewatch_alerts_changed"
"""Notified at commit when there may be something to send."""
NEWS_CHANNEL = "lanewatch_alerts_news"
"""Notified at commit when deliveries were added, whoever sends them."""
NOTICE_CHANNEL = "lanewatch_alerts_notice"
"""Notified at commit when something is to be told of an endpoint."""
DEAD_CHANNEL = "lanewatch_alerts_dead"
"""Notified at commit when there are dead letters to publish."""
RECOVERY_CHANNEL = "lanewatch_alerts_recovery"
"""Notified at commit when there is a recovery to be brought on."""
