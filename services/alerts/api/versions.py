"""Guards a change by what it was made from: `ETag` and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1)."""

from typing import Annotated

from fastapi import Header

from services.alerts.store.subscriptions import Subscription

IfMatch = Annotated[
    str | None, Header(max_length=1024, description="The `ETag` of what the change was made from; else it is refused")
]


def etag(subscription: Subscription) -> str:
    """Return the tag of a subscription as it stands."""
    return f'"{subscription.version}"'


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that a change may be made from; None is any. What is no tag of ours matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (tag.strip() for tag in if_match.split(","))
    named = (tag[1:-1] for tag in tags if len(tag) > 2 and tag[0] == tag[-1] == '"')  # noqa: PLR2004 - two quotes
    return frozenset(int(version) for version in named if version.isascii() and version.isdigit() and len(version) < 10)  # noqa: PLR2004 - more than fits
