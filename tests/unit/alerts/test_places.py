"""One tenant takes some of the places, all together no more than there are."""

from contextlib import ExitStack

import pytest

from services.alerts.places import Places
from shared.errors import CallerError


def refusal(places: Places, tenant: str) -> tuple[int, str]:
    with pytest.raises(CallerError) as refused, places.taken(tenant):
        pass
    return refused.value.status, refused.value.headers["retry-after"]


def test_one_tenant_leaves_room_for_others_until_all_is_taken() -> None:
    places = Places("streams", most=3, most_of_one=2, retry_after_s=7)
    with ExitStack() as taken:
        for tenant in ("a", "a", "b"):
            taken.enter_context(places.taken(tenant))
        assert places.count == 3
        assert refusal(places, "a") == (429, "7")
        assert refusal(places, "b") == (503, "7")
    assert places.count == 0
    with places.taken("a"), places.taken("a"):
        assert places.count == 2
