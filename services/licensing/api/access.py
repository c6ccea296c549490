"""Which scope each route of licensing needs: what is common to all, what is in the register, what operators do."""

from shared.identity import Access, Rule

COMMON = "lanes:read"
REGISTER = "register:read"
OPERATIONS = "operations:read"

ACCESS = Access(
    (
        *(
            Rule("GET", f"/v1/{what}", COMMON)
            for what in ("lanes", "quotas", "regimes", "prices", "policies", "policy")
        ),
        *(Rule("GET", f"/v1/{what}", COMMON) for what in ("calendar", "calendar.ics", "batches")),
        *(Rule("GET", f"/v1/{what}", OPERATIONS) for what in ("audit", "positions", "dead-letters", "sources")),
        Rule("GET", "/v1/events", "events:read"),
        Rule("GET", "/v1/supplies", "supplies:read"),
        Rule("PUT DELETE", "/v1/supplies", "supplies:write"),
        Rule("POST", "/v1/policies", "policies:write"),
        Rule("POST", "/v1/imports", "register:write"),
        Rule("GET", "/v1", REGISTER),
    )
)
