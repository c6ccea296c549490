"""What is wrong with a setting is told in one line with the name of its variable: `up` shows a service's last one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.alerts.settings import AlertsSettings
from services.ingest.main import front
from services.ingest.settings import IngestSettings
from services.licensing.main import build
from services.licensing.settings import LicensingSettings
from shared.settings import SharedSettings, WrongSettingError, read_settings


@pytest.mark.parametrize(
    "kind,wrong,told",
    [
        (IngestSettings, {"INGEST_PORT": "x", "CLOCK": "y"}, r"LANEWATCH_CLOCK: .*; LANEWATCH_INGEST_PORT: .*integer"),
        (IngestSettings, {"INGEST_RATE_EVENTS": "1"}, "LANEWATCH_INGEST_RATE_EVENTS must be 0, or at least"),
        (AlertsSettings, {"ALERTS_ALLOW_NETWORKS": "foo"}, "^LANEWATCH_ALERTS_ALLOW_NETWORKS: Expected 4 octets"),
        (AlertsSettings, {"ALERTS_RETRY_DELAYS_S": "3,4"}, "^LANEWATCH_ALERTS_RETRY_DELAYS_S: should be JSON"),
        (LicensingSettings, {"LOG_LEVEL": "loud"}, "^LANEWATCH_LOG_LEVEL: should be one of CRITICAL"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[SharedSettings], wrong: dict[str, str], told: str
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(f"LANEWATCH_{name}", value)
    with pytest.raises(WrongSettingError, match=told) as ended:
        read_settings(kind)
    assert "\n" not in str(ended.value)


def test_the_setting_of_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(WrongSettingError, match=r"^LANEWATCH_INGEST_SENDERS_FILE: .*No such file.*missing"):
        front(IngestSettings(ingest_senders_file=missing))
    with pytest.raises(WrongSettingError, match=r"^LANEWATCH_LICENSING_POLICY: .*No such file"):
        build(LicensingSettings(licensing_policy=missing))
    missing.write_text("{}")
    with pytest.raises(WrongSettingError, match=r"^LANEWATCH_LICENSING_POLICY: Object missing required field"):
        build(LicensingSettings(licensing_policy=missing))


def test_a_service_ends_with_that_line() -> None:
    wrong = {**os.environ, "LANEWATCH_LICENSING_PORT": "x"}
    ended = subprocess.run(
        [sys.executable, "-m", "services.licensing.main"],
        env=wrong,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("LANEWATCH_LICENSING_PORT: ")
