"""What a client asks for by `Prefer` (RFC 7240): wishes that need not be fulfilled; what cannot be read is ignored."""

from collections.abc import Iterable

MAX_WAIT_S = 30


def preferences(values: Iterable[str]) -> dict[str, str]:
    """Return the wishes of these headers by name, of one that stands twice the first (section 2)."""
    found: dict[str, str] = {}
    for wish in (part for value in values for part in value.split(",")):
        name, _, value = wish.partition(";")[0].partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wait_s(wishes: dict[str, str]) -> int:
    """Return how many seconds the client would wait (section 4.3), at most MAX_WAIT_S; 0 when it did not say."""
    value = wishes.get("wait", "")
    return min(MAX_WAIT_S, int(value)) if value.isascii() and value.isdigit() and len(value) <= 9 else 0  # noqa: PLR2004 - digits of a number that is capped
