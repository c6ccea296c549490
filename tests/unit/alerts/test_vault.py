"""Secrets that are sealed: by which key, for which place, and what does not open."""

import base64
from pathlib import Path

import pytest

from services.alerts.main import require_key
from services.alerts.settings import AlertsSettings
from services.alerts.signing.vault import NoKeyError, SealError, Vault, key_id, read_keys

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "subscription 1"


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_what_is_sealed_opens_in_its_place() -> None:
    sealed = Vault([NEW]).seal(b"whsec_x", PLACE)
    assert sealed.startswith(f"v1.{key_id(NEW)}.")
    assert "whsec" not in sealed
    assert Vault([NEW]).open(sealed, PLACE) == b"whsec_x"


def test_the_same_secret_looks_different_each_time() -> None:
    vault = Vault([NEW])
    assert vault.seal(b"whsec_x", PLACE) != vault.seal(b"whsec_x", PLACE)


def test_it_opens_in_no_other_place() -> None:
    sealed = Vault([NEW]).seal(b"whsec_x", PLACE)
    with pytest.raises(SealError, match="belongs elsewhere"):
        Vault([NEW]).open(sealed, "subscription 2")


def test_what_was_changed_does_not_open() -> None:
    vault = Vault([NEW])
    head, _, data = vault.seal(b"whsec_x", PLACE).rpartition(".")
    raw = bytearray(base64.b64decode(data))
    for place in range(len(raw)):
        raw[place] ^= 1
        with pytest.raises(SealError):
            vault.open(f"{head}.{base64.b64encode(raw).decode()}", PLACE)
        raw[place] ^= 1


def test_keys_are_replaced_one_after_the_other() -> None:
    sealed = Vault([OLD]).seal(b"whsec_x", PLACE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, PLACE) == b"whsec_x"
    assert both.seal(b"", PLACE).startswith(f"v1.{key_id(NEW)}.")
    with pytest.raises(SealError, match=f"the key {key_id(OLD)} is not among"):
        Vault([NEW]).open(sealed, PLACE)


@pytest.mark.parametrize("said", ["", "whsec_x", "v2.a.b", "v1"])
def test_what_was_never_sealed_does_not_open(said: str) -> None:
    with pytest.raises(SealError):
        Vault([NEW]).open(said, PLACE)


def test_keys_come_apart_by_lines_blanks_or_commas() -> None:
    for said in (f"{text(NEW)}\n{text(OLD)}\n", f"{text(NEW)},{text(OLD)}", f" {text(NEW)} {text(OLD)}"):
        assert read_keys(said) == [NEW, OLD]
    assert read_keys("") == []


@pytest.mark.parametrize("said,why", [("%", "no. 1 is not base64"), (text(b"short"), "no. 1 has 5 bytes")])
def test_what_is_no_key_is_refused(said: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_keys(said)


@pytest.mark.parametrize(
    "settings,why",
    [
        ({}, "it has no key"),
        ({"alerts_secrets_keys": "%"}, "LANEWATCH_ALERTS_SECRETS_KEYS: the key no. 1 is not base64"),
        (
            {"alerts_secrets_key_file": Path("/there/is/no/such/file")},
            "LANEWATCH_ALERTS_SECRETS_KEY_FILE: .*No such file",
        ),
    ],
)
def test_the_service_does_not_start_without_a_key(settings: dict[str, object], why: str) -> None:
    with pytest.raises(NoKeyError, match=why) as refused:
        require_key(AlertsSettings.model_validate(settings))
    assert "openssl rand -base64 32" in str(refused.value)


def test_the_service_starts_with_a_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(text(NEW) + "\n")
    require_key(AlertsSettings(alerts_secrets_key_file=file))


def test_keys_do_not_show_when_settings_are_printed() -> None:
    assert text(NEW) not in repr(AlertsSettings.model_validate({"alerts_secrets_keys": text(NEW)}))
