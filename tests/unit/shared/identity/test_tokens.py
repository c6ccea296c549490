"""A token is remembered until its end, and no more of them than there is room for."""

import time

import pytest

from shared.identity import tokens as module
from shared.identity.keys import Keys
from shared.identity.tokens import LEEWAY_S, BadTokenError, Tokens
from tests.support.running import until
from tests.support.tokens import JWKS, token


async def load() -> str:
    return JWKS


def tokens() -> Tokens:
    return Tokens(Keys(load), "lanewatch", "lanewatch")


async def test_a_token_that_was_believed_is_so_no_longer_than_until_its_end() -> None:
    asked, sent = tokens(), token("a", exp=int(time.time()) - LEEWAY_S + 2)
    assert (await asked.caller(sent)).scopes == {"a"}

    async def is_refused() -> bool:
        try:
            await asked.caller(sent)
        except BadTokenError as error:
            return "expired" in str(error)
        return False

    await until(is_refused, "the token's end", 5)


async def test_no_more_tokens_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    asked = tokens()
    for number in range(5):
        assert (await asked.caller(token(f"scope-{number}"))).scopes == {f"scope-{number}"}
        assert len(asked._known) <= 2
