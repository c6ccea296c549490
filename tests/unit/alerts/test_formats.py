"""Messages for people: every kind of alert has one, it is as the golden files show it, and it fits where it goes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerts.domain.formats import CONTENT_TYPES, Links, written
from services.alerts.domain.formats.cutting import lines
from services.alerts.domain.formats.teams import MOST_BYTES
from services.alerts.domain.wishes import Format
from shared.events import ALERT_TYPES
from shared.examples import alert_event

GOLDEN = Path(__file__).parent / "golden"
FORMATS: tuple[Format, ...] = ("slack", "teams")
LINKS = Links("https://alerts.example.org", "0197e000-0000-7000-8000-000000000000")


def bodies(format: Format) -> dict[str, Any]:
    """Return the message of an example of each kind."""
    return {kind: json.loads(written(format, json.dumps(alert_event(kind)).encode(), LINKS)) for kind in ALERT_TYPES}


@pytest.mark.parametrize("format", FORMATS)
def test_every_kind_of_alert_reads_as_the_golden_file_shows(format: Format) -> None:
    found = bodies(format)
    path = GOLDEN / f"{format}.json"
    assert path.exists(), json.dumps(found, indent=1, ensure_ascii=False)
    assert found == json.loads(path.read_text())


def test_an_alert_goes_out_as_the_event_that_it_is_unless_something_else_is_wanted() -> None:
    body = b'{ "spaces stay": 1 }'
    assert written("cloudevents", body, LINKS) is body
    assert CONTENT_TYPES["cloudevents"] == "application/cloudevents+json"


SHORT = st.text(st.sampled_from("<>&*_`[]\\|é漢 \n") | st.characters(codec="utf-8"), min_size=1, max_size=10)
ODD = st.builds(str.__mul__, SHORT, st.sampled_from((1, 7, 40, 160, 600)))
few = settings(max_examples=40, deadline=None)


def lane(headline: str, reasons: list[str], others: int) -> bytes:
    event = alert_event("lanewatch.lane.changed")
    other = {"lane_id": "x", "origin": "VN", "destination": "DE", "since": "2025-05-20T03:00:00Z", "left_kg": "1.5"}
    event["data"] = event["data"] | {
        "headline": headline,
        "reasons": [{"rule": "r", "says": says, "remedy": says} for says in reasons],
        "alternatives": [other] * others,
    }
    return json.dumps(event).encode()


@few
@given(ODD, st.lists(ODD, max_size=12), st.integers(0, 300))
def test_whatever_an_alert_says_slack_takes_it(headline: str, reasons: list[str], others: int) -> None:
    message = json.loads(written("slack", lane(headline, reasons, others), LINKS))
    blocks = message["blocks"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        assert len(block.get("text", {}).get("text", "")) <= 3000
        assert len(block.get("fields", ())) <= 10
        for part in (*block.get("fields", ()), *block.get("elements", ())):
            assert 0 < len(part["text"]) <= 2000
    assert len(json.dumps(blocks, ensure_ascii=False)) < 13_000
    assert "<!" not in message["text"], "a channel could be mentioned"


@few
@given(ODD, st.lists(ODD, max_size=12), st.integers(0, 300))
def test_whatever_an_alert_says_teams_takes_it(headline: str, reasons: list[str], others: int) -> None:
    body = written("teams", lane(headline, reasons, others), LINKS)
    assert len(body) <= MOST_BYTES < 28 * 1024
    (attachment,) = json.loads(body)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert {part["type"] for part in card["body"]} <= {"TextBlock", "FactSet"}


@given(st.lists(st.text(min_size=1, max_size=400), max_size=40), st.integers(100, 2000))
def test_a_list_is_cut_between_lines_and_says_how_much_is_left_out(items: list[str], most: int) -> None:
    items = [item.replace("\n", " ") for item in items]
    told = lines(items, most)
    assert len(told) <= most
    whole = [f"• {item}" for item in items]
    if len("\n".join(whole)) <= most - 40:
        assert told == "\n".join(whole)
    elif len(told.split("\n")) > 1:
        *shown, rest = told.split("\n")
        assert rest.startswith("and ") or [*shown, rest] == whole


def test_nothing_in_an_alert_is_read_as_a_mention_or_as_markdown() -> None:
    body = lane("<!channel> *bold* & [x](http://evil)", ["<@U1>"], 0)
    slack = json.loads(written("slack", body, Links()))
    head, *others = slack["blocks"]
    assert head["text"]["type"] == "plain_text"
    assert "<!channel>" not in slack["text"] + json.dumps(others)
    assert "&lt;@U1&gt;" in json.dumps(others)
    assert "\\\\*bold\\\\* & \\\\[x\\\\](http://evil)" in written("teams", body, Links()).decode()
