"""Which scope each route of the alerts needs."""

from shared.identity import Access, Rule

ACCESS = Access(
    (
        *(Rule("GET", f"/v1/{what}", "lanes:read") for what in ("lanes", "alerts")),
        Rule("GET", "/v1/audit", "operations:read"),
        *(Rule("GET", f"/v1/{what}", "subscriptions:read") for what in ("subscriptions", "deliveries")),
        *(Rule("POST PATCH DELETE", f"/v1/{what}", "subscriptions:write") for what in ("subscriptions", "deliveries")),
    )
)
