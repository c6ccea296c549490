"""A service does not run open by mistake, and what no rule names is for nobody."""

import pytest
from fastapi import FastAPI

from shared.identity.access import NOBODY, OPEN, Access, Rule
from shared.identity.guard import OpenToAllError, protect
from shared.settings import SharedSettings

ACCESS = Access((Rule("GET", "/v1/lanes", "lanes:read"),))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ingest.internal"])  # noqa: S104 - it must refuse this
def test_without_keys_a_service_does_not_start_where_others_reach_it(host: str) -> None:
    with pytest.raises(OpenToAllError, match="LANEWATCH_AUTH_KEYS_FILE"):
        protect(FastAPI(), SharedSettings(bind_host=host), ACCESS)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_without_keys_it_runs_open_on_this_machine(host: str) -> None:
    app = FastAPI()
    protect(app, SharedSettings(bind_host=host), ACCESS)
    assert not app.user_middleware


def test_who_says_so_may_run_it_open_anywhere() -> None:
    protect(FastAPI(), SharedSettings(bind_host="0.0.0.0", auth="open"), ACCESS)  # noqa: S104 - said on purpose


@pytest.mark.parametrize(
    "method, path, scope",
    [
        ("GET", "/v1/lanes", "lanes:read"),
        ("HEAD", "/v1/lanes", "lanes:read"),
        ("GET", "/v1/lanes/a/b", "lanes:read"),
        ("GET", "/v1/lanesx", NOBODY),
        ("POST", "/v1/lanes", NOBODY),
        ("GET", "/", NOBODY),
        ("GET", "/metrics", OPEN),
        ("POST", "/metrics", NOBODY),
        ("GET", "/health/live", OPEN),
    ],
)
def test_only_what_a_rule_names_can_be_asked_for(method: str, path: str, scope: str) -> None:
    assert ACCESS.scope_of(method, path) == scope
