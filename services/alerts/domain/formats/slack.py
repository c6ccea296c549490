"""A message for an incoming webhook of Slack: a text for notifications, and blocks.

Limits: a header has 150 characters, the text of a section 3,000, of a field 2,000, ten fields a section, 50 blocks a
message (docs.slack.dev, reference/block-kit/blocks). All blocks together are refused above some 13,000 characters
(`msg_blocks_too_long`; github.com/slackapi/bolt-js/issues/2509), so that the parts here add up to less. Slack answers
200 with `ok`; 429 with `Retry-After`; 4xx with a word, 410 (`channel_is_archived`) among them.
"""

import msgspec

from services.alerts.domain.formats.cutting import cut, lines
from services.alerts.domain.formats.message import Json, Message

MARKS = {"critical": "🔴", "warning": "🟠", "notice": "🔵", "info": "⚪"}
HEADER, FIELD, FIELDS, SECTION, TEXT = 150, 300, 10, 2000, 1000


def slack(message: Message) -> bytes:
    """Return the body of a post to an incoming webhook."""
    head = f"{MARKS[message.severity]} {message.headline}"
    blocks: list[Json] = [{"type": "header", "text": {"type": "plain_text", "text": cut(head, HEADER), "emoji": True}}]
    if len(head) > HEADER:
        blocks.append(_section(cut(escaped(message.headline), SECTION)))
    if fields := [_mrkdwn(cut(f"*{escaped(title)}*\n{escaped(value)}", FIELD)) for title, value in message.facts]:
        blocks.append({"type": "section", "fields": fields[:FIELDS]})
    for title, items in (("Why", message.reasons), ("What flows instead", message.alternatives), ("", message.items)):
        if items:
            told = lines([escaped(item) for item in items], SECTION)
            blocks.append(_section(f"*{title}*\n{told}" if title else told))
    about = [escaped(message.about), *(f"<{address}|{title}>" for title, address in message.links)]
    blocks.append({"type": "context", "elements": [_mrkdwn(cut(each, TEXT)) for each in about]})
    return msgspec.json.encode({"text": cut(escaped(head), TEXT), "blocks": blocks})


def escaped(text: str) -> str:
    """Return a text in which nothing is read as a mention or a link (docs.slack.dev, messaging/formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def _section(text: str) -> Json:
    return {"type": "section", "text": _mrkdwn(text)}
