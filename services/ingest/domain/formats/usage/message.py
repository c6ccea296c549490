"""Reads a message about a licence, or about the usage of licences, into trade events."""

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.licences import AUTHORITY, translate_licence
from services.ingest.domain.formats.usage.totals import translate_usage

SOURCE = "urn:lanewatch:licence-usage"


def translate(tree: object, source: str = SOURCE, authority: str = AUTHORITY) -> list[Translation] | Fault:
    """Return what each licence of a message gives, in order; a fault if it is no such message.

    `source` is the source of the events that are made, `authority` who issues the licences. A total that replaces
    another is only found where both come with the same source.
    """
    if not isinstance(tree, dict):
        return _unfit("", "a message is an object")
    if "licence" in tree:
        return [translate_licence(tree, source, authority)]
    if "licences" not in tree:
        return _unfit("", "has neither licence, the terms of one, nor licences, the usage of several")
    if not isinstance(tree["licences"], list):
        return _unfit("/licences", "not a list")
    return translate_usage(tree, source)


def _unfit(pointer: str, detail: str) -> Fault:
    return Fault(
        title="The body is no message about licences", status=422, errors=(Flaw(pointer=pointer, detail=detail),)
    )
