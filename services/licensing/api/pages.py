"""Pages that explain what JSON answers say: from an answer to HTML and nothing else, no I/O.

Pages bring nothing from elsewhere, run nothing and escape whatever stands in the data.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.licensing.api import addresses
from services.licensing.api.facts import facts_of
from services.licensing.api.sentences import SENTENCES
from services.licensing.domain.ledger import account_words
from shared.events import LicenceTerms, QuotaOpened, ShipmentDeclared

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-cache",
}
UNITS = {"KGM": "kg", "C62": "uses"}
FIGURES = ("asked", "left", "granted", "tolerance", "allotted", "position")
_TERMS = {"shipment": ShipmentDeclared, "licence": LicenceTerms, "quota": QuotaOpened}


def render(template: str, answer: Mapping[str, Any], asked: Mapping[str, str]) -> str:
    """Return the page of an answer; `asked` are the parameters of the question."""
    says = SENTENCES[template](answer) if template in SENTENCES else None
    return _PAGES.get_template(f"{template}.html").render(answer=answer, says=says, asked=asked)


def spoken_amount(value: str, unit: str) -> str:
    """Return a decimal as people read it, with its unit."""
    return f"{Decimal(value):,f} {UNITS.get(unit, unit)}"


def moved(entry: Mapping[str, Any]) -> str:
    """Return how much an entry moved: granted, else written off or refunded, else reserved or given back."""
    deltas = [Decimal(entry[name]) for name in ("granted", "written_off", "reserved")]
    delta = next((d for d in deltas if d), Decimal(0))
    return spoken_amount(str(delta if entry["kind"] == "grant" else abs(delta)), entry["unit"])


def entity_words(entity: str) -> str:
    """Return the kind and the id of a thing."""
    return entity.replace(":", " ", 1)


def facts(terms: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Return the single facts of a declaration or of terms."""
    return facts_of(msgspec.convert(terms, _TERMS[kind], strict=False))


def figures(reason: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the figures of a reason in the order in which its sentence has them."""
    found = reason.get("figures") or {}
    return sorted(found.items(), key=lambda pair: FIGURES.index(pair[0]) if pair[0] in FIGURES else -1)


def moment(text: str | None) -> Markup:
    """Return a time in UTC to the minute, with the exact one in its `time` element."""
    if text is None:
        return Markup("")
    at = datetime.fromisoformat(text).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(text, at.strftime("%Y-%m-%d %H:%M UTC"))


def json_text(value: Any) -> str:
    """Return a value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def with_query(asked: Mapping[str, str], **changed: str) -> str:
    """Return a reference to the same address with other parameters."""
    return f"?{urlencode({**asked, **changed})}"


def _environment() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    pages.globals |= {
        "style": Markup(STYLE),  # noqa: S704 - our own, and nothing else
        "with_query": with_query,
        "account_address": addresses.account_address,
        "address_of": addresses.address_of,
        "entity_address": addresses.entity_address,
        "event_address": addresses.event_address,
        "history_address": addresses.history_address,
    }
    pages.filters |= {
        "account_words": account_words,
        "amount": spoken_amount,
        "entity_words": entity_words,
        "facts": facts,
        "figures": figures,
        "json_text": json_text,
        "moment": moment,
        "moved": moved,
    }
    return pages


_PAGES = _environment()
