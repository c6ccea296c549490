"""Keys are read strictly, asked for seldom, and kept while they cannot be had."""

import json

import pytest

from shared.identity import keys as module
from shared.identity.keys import Keys, read_keys
from tests.support.tokens import CURVE, JWKS, SIGNING, public


def test_each_key_is_for_one_algorithm() -> None:
    assert {kid: key.algorithm for kid, key in read_keys(JWKS).items()} == {"ed": "EdDSA", "ec": "ES256"}


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k"},
        {**public(CURVE, "k"), "crv": "P-384"},
        {**public(SIGNING, "k"), "use": "enc"},
        {"kty": "new", "kid": "k"},
    ],
)
def test_keys_of_other_kinds_are_left_out(other: dict[str, str]) -> None:
    assert set(read_keys(json.dumps({"keys": [other, public(SIGNING, "ed")]}))) == {"ed"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": {}}',
        '{"keys": [1]}',
        '{"keys": [{"kty": "OKP"}]}',
        '{"keys": [{"kid": "a", "d": "x"}]}',
    ],
)
def test_what_is_no_set_of_public_keys_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(text)


class Provider:
    """Gives what it has, or fails."""

    def __init__(self) -> None:
        self.has: str | Exception = JWKS
        self.asked = 0

    async def load(self) -> str:
        self.asked += 1
        if isinstance(self.has, Exception):
            raise self.has
        return self.has


async def test_unknown_names_are_asked_for_only_now_and_then() -> None:
    keys = Keys((provider := Provider()).load)
    for _ in range(50):
        assert await keys.find("unknown") is None
    assert await keys.find("ed")
    assert provider.asked == 1


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", -1)
    keys = Keys((provider := Provider()).load)
    assert await keys.find("ed")
    provider.has = json.dumps({"keys": [public(SIGNING, "new")]})
    assert await keys.find("new")
    assert await keys.find("ed") is None


@pytest.mark.parametrize("failure", [OSError(), ValueError(), "nonsense"])
async def test_the_last_keys_stay_while_the_provider_is_away(
    monkeypatch: pytest.MonkeyPatch, failure: str | Exception
) -> None:
    monkeypatch.setattr(module, "FRESH_S", -1)
    keys = Keys((provider := Provider()).load)
    assert await keys.find("ed")
    provider.has = failure
    assert await keys.find("ed")
    assert provider.asked == 2
