"""Rate limits in the OpenAPI document: the header fields that tell them, and what is answered when they are passed."""

from typing import Any

from shared.http import CONTENT_TYPE_PROBLEM
from shared.identity import OPEN, Access
from shared.openapi import operations

Json = dict[str, Any]

HEADERS: Json = {
    "RateLimit-Policy": {
        "description": "The client's quotas (draft-ietf-httpapi-ratelimit-headers-10), where some are set.",
        "schema": {"type": "string"},
        "example": '"requests";q=600;qu="requests";w=60, "events";q=60000;qu="events";w=60',
    },
    "RateLimit": {
        "description": "What is left of each (`r`), and in how many seconds there is more (`t`).",
        "schema": {"type": "string"},
        "example": '"requests";r=598;t=1, "events";r=59000;t=1',
    },
}
SPENT: Json = {
    "description": "A quota of the client is used up. Nothing was taken; of a stream, what `stopped` tells.",
    "headers": {"retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
}
EXAMPLE: Json = {
    "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
    "title": "The quota is used up",
    "status": 429,
    "detail": "At most 600 requests in 60 s; come back in 3 s.",
    "violated-policies": ["requests"],
    "retry_after_s": 3,
}


def tell_rates(document: Json, access: Access, signed: str) -> None:
    """Tell of rate limits at every route that is charged: those with a scope, and where senders sign."""
    document["components"].setdefault("headers", {}).update(HEADERS)
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    for path, method, operation in operations(document):
        is_charged = access.scope_of(method.upper(), path) != OPEN or (path == signed and method == "post")
        if path.startswith("/v1/") and is_charged:
            answers = operation["responses"]
            spent = {**SPENT, "content": {**_refusal(answers), **_problem()}}
            answers["429"] = spent
            for answer in answers.values():
                answer["headers"] = {**answer.get("headers", {}), **told}


def _refusal(answers: Json) -> Json:
    """Return how the route words that it cannot be asked now; a quota that a body passes is told in the same form."""
    content: Json = answers.get("503", {}).get("content", {})
    return content


def _problem() -> Json:
    return {CONTENT_TYPE_PROBLEM: {"schema": {"type": "object"}, "example": EXAMPLE}}
