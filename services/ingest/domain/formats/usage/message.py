"""Reads a message about a licence, or about the usage of licences, into trade events."""

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.foreign import MOST, Translation, gathered
from services.ingest.domain.formats.usage.licences import AUTHORITY, translate_licence
from services.ingest.domain.formats.usage.totals import translate_usage

SOURCE = "urn:lanewatch:licence-usage"


def translate(
    tree: object, source: str = SOURCE, authority: str = AUTHORITY, most: int = MOST
) -> list[Translation] | Fault:
    """Return what each licence of a message gives, in order; a fault if it is no such message, or of too much.

    `source` is the source of the events that are made, `authority` who issues the licences. A total that replaces
    another is only found where both come with the same source.
    """
    if not isinstance(tree, dict):
        return _unfit("", "a message is an object")
    if "licence" in tree:
        one = (translate_licence(tree, source, authority) for _ in range(1))
        return gathered(_count([tree["licence"]]), one, most)
    if "licences" not in tree:
        return _unfit("", "has neither licence, the terms of one, nor licences, the usage of several")
    licences = tree["licences"]
    if not isinstance(licences, list):
        return _unfit("/licences", "not a list")
    given = translate_usage(tree, licences, source)
    return given if isinstance(given, Fault) else gathered(_count(licences), given, most)


def _count(licences: list[object]) -> int:
    """Return how many licences or goods there are, whichever are more."""
    goods = [licence.get("goods") for licence in licences if isinstance(licence, dict)]
    return max(len(licences), sum(len(each) for each in goods if isinstance(each, list)))


def _unfit(pointer: str, detail: str) -> Fault:
    return Fault(
        title="The body is no message about licences", status=422, errors=(Flaw(pointer=pointer, detail=detail),)
    )
