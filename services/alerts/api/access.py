"""Which scope each route of the alerts needs."""

from shared.identity import OPEN, Access, Rule

_OWN = ("subscriptions", "deliveries", "signing-keys")
ACCESS = Access(
    (
        *(Rule("GET", f"/v1/{what}", "lanes:read") for what in ("lanes", "alerts")),
        Rule("GET", "/v1/audit", "operations:read"),
        *(Rule("GET", f"/v1/{what}", "subscriptions:read") for what in _OWN),
        Rule("POST", "/v1/subscriptions/preview", "subscriptions:read"),
        *(Rule("POST PUT PATCH DELETE", f"/v1/{what}", "subscriptions:write") for what in _OWN),
        # Whoever verifies a signature may have the key to it.
        *(Rule("GET", path, OPEN) for path in ("/v1/jwks", "/.well-known/jwks.json")),
    )
)
