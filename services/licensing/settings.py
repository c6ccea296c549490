"""Licensing's settings, from the environment with the prefix `LANEWATCH_`."""

from pathlib import Path

from pydantic import Field

from shared.settings import SharedSettings


class LicensingSettings(SharedSettings):
    """What licensing needs besides the addresses that all services share."""

    licensing_port: int = 8002
    licensing_policy: Path = Path(__file__).parent / "policies" / "starter.json"
    licensing_group: str = "lanewatch-licensing"
    licensing_max_batch: int = Field(default=500, ge=1, le=5000)
    licensing_instance_id: str | None = None
    """A stable name lets a restarted process keep its partitions without a rebalance."""
    licensing_dead_letter_share: float = Field(default=0.5, gt=0, le=1)
    """Beyond this share of the last 200 events failing for no reason in them, reading stops until a person looks."""
    tick_every_s: float = Field(default=60.0, gt=0)
