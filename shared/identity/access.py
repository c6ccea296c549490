"""Which scope a request needs, as a table for each service; what no rule names needs one that nobody is given."""

from collections.abc import Sequence
from typing import NamedTuple

SCOPES = {
    "events:write": "post events",
    "events:read": "ask what became of an event",
    "mappings:read": "read the tenant's mappings of spreadsheets",
    "mappings:write": "put and remove them",
    "lanes:read": "read what is common to all: lanes, quotas, regimes, prices, policies, alerts",
    "register:read": "read licences, shipments, their ledgers, and findings",
    "register:write": "import a register",
    "supplies:read": "read stocks and how long they last",
    "supplies:write": "register and remove stocks",
    "policies:write": "check and try rulebooks",
    "subscriptions:read": "read the tenant's subscriptions and deliveries",
    "subscriptions:write": "create, change, test and remove them",
    "operations:read": "read the audit, dead letters, positions and sources",
}
"""What a token can allow, and what for."""
OPEN = ""
"""Needs no token."""
NOBODY = "lanewatch:nobody"
_ANYWHERE = ("/health", "/metrics", "/docs", "/redoc", "/openapi.json")
"""What watches and explains a service is open: probes and scrapers carry no tokens, and it says nothing of trade."""


class Rule(NamedTuple):
    """Requests with one of these methods at this path, or anywhere below it, need the scope."""

    methods: str
    path: str
    scope: str

    def applies(self, method: str, path: str) -> bool:
        """Return whether a request is meant; HEAD is as GET."""
        below = path == self.path or path.startswith(self.path.rstrip("/") + "/")
        return below and ("GET" if method == "HEAD" else method) in self.methods.split()


class Access:
    """The rules of one service; the first that applies counts."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = (*(Rule("GET", path, OPEN) for path in _ANYWHERE), *rules)

    def scope_of(self, method: str, path: str) -> str:
        """Return the scope that a request needs, or OPEN."""
        return next((rule.scope for rule in self._rules if rule.applies(method, path)), NOBODY)
