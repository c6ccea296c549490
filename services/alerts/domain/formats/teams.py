"""A message for Microsoft Teams: an Adaptive Card in the envelope that Power Automate's workflows take.

The trigger "When a Teams webhook request is received" takes `type: message` with cards as attachments, and answers
202; the connectors of Office 365 and their cards are retired. A message has about 28 KB
(learn.microsoft.com/connectors/teams, "Message size limit"); of a card that would have more the last parts are left
out. A webhook called more than four times a second answers 429 (learn.microsoft.com/microsoftteams, "Create an
Incoming Webhook"). Cards are of version 1.4, which Teams shows everywhere.
"""

import re

import msgspec

from services.alerts.domain.formats.cutting import cut, lines
from services.alerts.domain.formats.message import Json, Message

COLOURS = {"critical": "Attention", "warning": "Warning", "notice": "Accent", "info": "Default"}
CARD = "application/vnd.microsoft.card.adaptive"
MOST_BYTES = 24_000
HEADLINE, FACT, SECTION = 500, 300, 3000
_MARKDOWN = re.compile(r"([\\\[\]*_`])")


def teams(message: Message) -> bytes:
    """Return the body of a post to a workflow."""
    parts = [_text(cut(message.headline, HEADLINE), size="Large", weight="Bolder", color=COLOURS[message.severity])]
    if message.facts:
        facts = [{"title": plain(title), "value": plain(cut(value, FACT))} for title, value in message.facts]
        parts.append({"type": "FactSet", "facts": facts})
    for title, items in (("Why", message.reasons), ("What flows instead", message.alternatives), ("", message.items)):
        if items:
            parts += [_text(title, weight="Bolder")] if title else []
            parts.append(_text(lines(items, SECTION, bullet="- ")))
    parts.append(_text(cut(message.about, FACT), size="Small", isSubtle=True))
    while len(body := _body(parts, message)) > MOST_BYTES:
        del parts[-2]
    return body


def plain(text: str) -> str:
    """Return a text in which nothing is read as Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def _text(text: str, **more: object) -> Json:
    return {"type": "TextBlock", "text": plain(text), "wrap": True, **more}


def _body(parts: list[Json], message: Message) -> bytes:
    card: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": parts,
    }
    if message.links:
        card["actions"] = [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in message.links]
    attachment = {"contentType": CARD, "contentUrl": None, "content": card}
    return msgspec.json.encode({"type": "message", "attachments": [attachment]})
