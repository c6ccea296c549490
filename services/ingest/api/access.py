"""Which scope each route of the ingest needs."""

from shared.identity import OPEN, Access, Rule

ACCESS = Access(
    (
        # A sender asks whether it may deliver before it has anything to show.
        Rule("OPTIONS", "/v1/events", OPEN),
        Rule("OPTIONS", "/v1/epcis/capture", OPEN),
        Rule("OPTIONS", "/v1/files", OPEN),
        # Who posts here says who it is by a signature of the body.
        Rule("GET POST", "/v1/callbacks", OPEN),
        Rule("GET", "/v1/mappings", "mappings:read"),
        Rule("PUT DELETE", "/v1/mappings", "mappings:write"),
        Rule("GET POST PUT PATCH DELETE", "/v1", "events:write"),
    )
)
