"""What would make a licence's condition pass, by rule."""

from services.licensing.domain.licences import Licence
from services.licensing.domain.rules.verdict import Case
from shared.events import LicenceTerms

NONE_WHILE_BARRED = "none: no licence helps while the regime stands; only its authority can change that"

_REMEDIES = {
    "licence.state": "name another licence of {t.authority}: one that is {state} does not come back",
    "licence.validity": "name a licence of {t.authority} that is valid on {at}, or have this one's validity amended",
    "licence.exporter": "name a licence of exporter {s.exporter}",
    "licence.origin": "name a licence for goods from {s.origin}",
    "licence.destination": "name a licence to {s.destination}, or have this one amended",
    "licence.consignee": "name a licence for consignee {s.consignee}, or have this one amended",
    "licence.end_user": "name a licence for end user {s.end_user}, or have this one amended",
    "licence.end_use": "name a licence for end use {s.end_use}, or have this one amended",
    "licence.port": "let the goods leave by {ports}, or have the licence amended",
    "licence.re_export": "name a licence that allows re-export to {s.re_exported_to}, or declare that there is none",
    "licence.kind": "name a licence of {t.authority} of a kind that the regime accepts",
    "licence.term": "name a licence of {t.authority} that is valid for no longer than the regime allows",
}
_UNDECLARED = {
    "licence.end_user": "declare the end user: {users}",
    "licence.end_use": "declare the end use: {uses}",
    "licence.port": "declare the port that the goods leave by: {ports}",
}


def remedy_of(rule: str, case: Case, licence: Licence, terms: LicenceTerms) -> str:
    """Return what would make a condition of a licence pass."""
    s, field, state = case.declared, rule.rpartition(".")[2], licence.stopped(case.at)
    if rule == "licence.state" and state == "suspended":
        # A correction is judged as of the declaration's time, when it was suspended.
        again = "declare the goods as a new shipment once the licence is reinstated"
        return f"{again}, or name another licence of {terms.authority}"
    words = _UNDECLARED[rule] if rule in _UNDECLARED and getattr(s, field) is None else _REMEDIES[rule]
    users, uses, ports = (" or ".join(names) for names in (terms.end_users, terms.end_uses, terms.ports))
    day = case.at.date().isoformat()
    return words.format(s=s, t=terms, state=state, at=day, users=users, uses=uses, ports=ports)
