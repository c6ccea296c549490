"""The names that EPCIS writes in several ways: words of the Core Business Vocabulary, and prefixes of JSON-LD."""

from collections.abc import Iterator, Mapping
from typing import Literal

from services.ingest.domain.formats.values import is_text
from shared.faults import pointer_to

Kind = Literal["event", "step", "disposition", "transaction", "party", "error"]

OWN = "urn:lanewatch:"
"""What the standard vocabularies have no word for is named under this; both let users add URIs of their own."""
OWN_EXTENSION = f"{OWN}epcis:"
"""The namespace of the fields that a user may add to an event."""

_FIXED = {"cbv": "https://ref.gs1.org/cbv/", "epcis": "https://ref.gs1.org/epcis/"}
"""The prefixes that the standard's own context defines, and protects from being redefined."""
_WEB = ("https://ref.gs1.org/cbv/", "http://ref.gs1.org/cbv/", "https://ns.gs1.org/cbv/", "http://ns.gs1.org/cbv/")
_CBV: dict[Kind, tuple[str, str]] = {
    "step": ("urn:epcglobal:cbv:bizstep:", "BizStep-"),
    "disposition": ("urn:epcglobal:cbv:disp:", "Disp-"),
    "transaction": ("urn:epcglobal:cbv:btt:", "BTT-"),
    "party": ("urn:epcglobal:cbv:sdt:", "SDT-"),
    "error": ("urn:epcglobal:cbv:er:", "ER-"),
}
BEGINNINGS: dict[Kind, tuple[str, ...]] = {
    "event": ("https://ref.gs1.org/epcis/", "http://ref.gs1.org/epcis/", "https://ns.gs1.org/epcis/"),
    **{kind: (urn, *(web + prefix for web in _WEB)) for kind, (urn, prefix) in _CBV.items()},
}
"""With what a word of each vocabulary may begin where it is written as a URI: of EPCIS 1.x, or of 2.0."""


class Names:
    """The prefixes that the contexts of a document and of an event in it define; the nearer context counts."""

    def __init__(self, context: object, outer: "Names | None" = None) -> None:
        self._prefixes = dict(_prefixes(context))
        self._outer = outer

    def within(self, context: object) -> "Names":
        """Return the names inside something that has a context of its own."""
        return Names(context, self) if context else self

    def full(self, name: str) -> str:
        """Return a name with its prefix written out, as JSON-LD expands it; any other as it stands."""
        if whole := self._meaning(name):
            return whole
        prefix, colon, rest = name.partition(":")
        if not colon or rest.startswith("//"):
            return name
        meaning = self._meaning(prefix)
        return name if meaning is None else meaning + rest

    def _meaning(self, name: str) -> str | None:
        if name in _FIXED:
            return _FIXED[name]
        if name in self._prefixes or self._outer is None:
            return self._prefixes.get(name)
        return self._outer._meaning(name)  # noqa: SLF001 - of the same class

    def word(self, kind: Kind, name: str) -> str:
        """Return the bare word of a standard vocabulary, or the URI of any other."""
        full = self.full(name)
        for beginning in BEGINNINGS[kind]:
            if full.startswith(beginning) and full != beginning:
                return full.removeprefix(beginning)
        return full


def _prefixes(context: object) -> Iterator[tuple[str, str]]:
    """Yield what a JSON-LD context defines inline; contexts that it only links to are not fetched."""
    if isinstance(context, list):
        for each in context:
            yield from _prefixes(each)
    elif isinstance(context, dict):
        for name, meaning in context.items():
            uri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
            if is_text(uri) and not name.startswith("@"):
                yield name, uri


def members(thing: object, field: str, place: str) -> Iterator[tuple[dict[str, object], str]]:
    """Yield the objects of a list and where they stand; what is no object is passed over."""
    items = thing.get(field) if isinstance(thing, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield item, place + pointer_to(field, index)
