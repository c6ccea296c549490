"""Who asks, and what they may: bearer tokens (RFC 6750, 7519), scopes and tenants, for every service alike."""

from shared.identity.access import OPEN, Access, Rule
from shared.identity.caller import EVERYBODY, Caller, caller_of
from shared.identity.guard import protect

__all__ = ["EVERYBODY", "OPEN", "Access", "Caller", "Rule", "caller_of", "protect"]
