"""The local stack's key for webhook secrets."""

import stat

from lanewatch.stack import StackConfig
from lanewatch.stack.control import clean
from lanewatch.stack.secrets_key import ensure_secrets_key
from services.alerts.signing.vault import read_keys


def test_the_key_is_made_once_and_for_its_owner_alone() -> None:
    file = StackConfig.for_tests().secrets_key_file
    ensure_secrets_key(file)
    made = file.read_text()
    ensure_secrets_key(file)
    assert file.read_text() == made
    assert len(read_keys(made)) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_services_are_told_where_it_is() -> None:
    config = StackConfig.for_tests()
    assert config.environment()["LANEWATCH_ALERTS_SECRETS_KEY_FILE"] == str(config.secrets_key_file)


def test_it_goes_with_the_data_and_leaves_nothing_behind() -> None:
    config = StackConfig.for_tests()
    for one in (config, config.demo):
        ensure_secrets_key(one.secrets_key_file)
    clean(config, lambda _: None)
    assert not config.state_dir.exists()
