"""The local stack's tokens are believed by its services, and its key is its owner's alone."""

import stat
from pathlib import Path

import jwt
import pytest

from lanewatch import tokens
from lanewatch.stack import StackConfig
from lanewatch.stack.errors import StackError
from shared.identity.keys import from_file
from shared.identity.tokens import Tokens


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    return StackConfig.for_tests(tmp_path)


async def test_a_local_token_says_who_and_what(config: StackConfig) -> None:
    text = tokens.issue(config, scopes=["events:write", "lanes:read"], ttl_s=60, tenant="acme", sources=["/erp/"])
    caller = await Tokens(from_file(config.keys_file), "lanewatch", "lanewatch").caller(text)
    assert (caller.tenant, sorted(caller.scopes)) == ("acme", ["events:write", "lanes:read"])
    assert caller.owns("/erp/1")
    assert not caller.owns("/other")


def test_the_signing_key_is_made_once_and_for_its_owner_alone(config: StackConfig) -> None:
    public = tokens.ensure_keys(config).read_text()
    signing = config.keys_file.with_name("signing.pem")
    assert stat.S_IMODE(signing.stat().st_mode) == 0o600
    assert tokens.ensure_keys(config).read_text() == public
    assert "PRIVATE" not in public


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_token_is_as_good_as_none(config: StackConfig, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LANEWATCH_TOKEN", text)
    assert tokens.headers(config) == {}
    tokens.ensure_keys(config)
    assert tokens.headers(config)["authorization"].startswith("Bearer ey")


def test_what_is_no_token_is_told_by_the_name_of_its_variable(
    config: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANEWATCH_TOKEN", "ey.a\nb")
    with pytest.raises(StackError, match="LANEWATCH_TOKEN is no token"):
        tokens.headers(config)
    monkeypatch.setenv("LANEWATCH_TOKEN", "rubbish")
    assert tokens.headers(config) == {"authorization": "Bearer rubbish"}


def test_a_scope_that_there_is_not_is_named(config: StackConfig) -> None:
    with pytest.raises(StackError, match="lanes:raed"):
        tokens.issue(config, scopes=["lanes:raed"], ttl_s=60)


def test_the_command_line_shows_its_own_token_or_the_one_that_it_was_given(
    config: StackConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LANEWATCH_TOKEN", raising=False)
    assert tokens.headers(config) == {}
    tokens.ensure_keys(config)
    shown = tokens.headers(config)["authorization"].removeprefix("Bearer ")
    assert "operations:read" in jwt.decode(shown, options={"verify_signature": False})["scope"]
    monkeypatch.setenv("LANEWATCH_TOKEN", "given")
    assert tokens.headers(config) == {"authorization": "Bearer given"}
