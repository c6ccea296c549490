"""Wishes are read as RFC 7240 has them, and what cannot be read is no error."""

import pytest

from shared.preferences import preferences, wait_s


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("wait=2", 2),
        ("respond-async, Wait = 5; foo=bar", 5),
        ('wait="7"', 7),
        ("wait=100000", 30),
        ("wait=1,wait=9", 1),
        ("wait=x", 0),
        ("wait=-1", 0),
        ("wait=²", 0),
        ("wait=" + "9" * 5000, 0),
        ("", 0),
        (",;=,", 0),
    ],
)
def test_wait_is_read_and_capped(value: str, seconds: int) -> None:
    assert wait_s(preferences([value])) == seconds


def test_headers_are_one_list() -> None:
    assert preferences(["return=minimal", "wait=1"]) == {"return": "minimal", "wait": "1"}
