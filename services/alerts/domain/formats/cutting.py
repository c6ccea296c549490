"""Cutting texts and lists to what a place takes."""

from collections.abc import Iterable

ELLIPSIS = "…"


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def lines(items: Iterable[str], most: int, *, bullet: str = "• ") -> str:
    """Return a list as a text of at most so many characters, whole lines; the last says how many are left out."""
    found: list[str] = []
    left = most - len("and 1,000,000 more")
    rest = 0
    for item in items:
        line = bullet + item
        if rest or left < len(line) + 1:
            if not found and not rest:
                found.append(cut(line, max(2, left - 1)))
            else:
                rest += 1
            left = 0
            continue
        found.append(line)
        left -= len(line) + 1
    if rest:
        found.append(f"and {rest:,} more")
    return "\n".join(found)
