"""What the chain covers, and that the verifier, which shares no code with it, sees whatever is done to an export."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lanewatch import verifying
from lanewatch.verifying import Earlier, key_id, lines_of, verify
from services.alerts.api.evidence import attempt_line, checkpoint_line, first_line
from services.alerts.background.notary import checkpoint
from services.alerts.domain.evidence import GENESIS, around_number, canonical, hash_of, link_of
from services.alerts.store.evidence import Head

SUBSCRIPTION = UUID(int=7)
NOW = datetime(2025, 4, 4, 9, 30, 0, 123456, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
BODY = '{"id":"ä"}'


@dataclass(frozen=True)
class Row:
    """An attempt as it is recorded."""

    link: int
    status: int | None = 204
    error: str | None = None
    response_excerpt: str | None = None
    url: str = "https://example.org/hook"
    number: int = 1
    duration_ms: float = 1.234
    subscription_id: UUID = SUBSCRIPTION
    body: bytes = BODY.encode()
    hash: bytes = b""

    @property
    def delivery_id(self) -> UUID:
        return UUID(int=self.link)

    @property
    def started_at(self) -> datetime:
        return NOW + timedelta(microseconds=self.link)

    @property
    def body_sha256(self) -> bytes:
        return hashlib.sha256(self.body).digest()


def export(*rows: Row, signed: tuple[int, ...] = (), after: int = 0) -> list[bytes]:
    """Return the lines of an export of these attempts, from after one on."""
    hashes, lines = [GENESIS], []
    for row in rows:
        hashes.append(hash_of(hashes[-1], link_of(row, row.link)))
        if row.link > after:
            lines.append(attempt_line(replace(row, hash=hashes[-1]), bodies=True))
        if row.link in signed and row.link > after:
            lines.append(checkpoint_line(checkpoint(KEY, SUBSCRIPTION, Head(row.link, hashes[-1]), NOW)))
    end = checkpoint(KEY, SUBSCRIPTION, Head(len(rows), hashes[-1]), NOW, is_closing=True)
    first = first_line(Head(after, hashes[after]), end)
    return [first, *lines, checkpoint_line(end, is_closing=True)]


ROWS = (Row(1), Row(2, 500, None, "status 500", number=2), Row(3, None, "no answer within 15 s"), Row(4))
LINES = export(*ROWS, signed=(2,))


def test_the_canonical_form_is_that_of_the_document() -> None:
    said = canonical(link_of(Row(2, 500, 'with "quotes", \\ \x01 \x7f and ü', "x"), 2))
    assert said.decode() == (
        '{"attempt":1,"body_sha256":"' + hashlib.sha256(BODY.encode()).hexdigest() + '",'
        '"delivery_id":"00000000-0000-0000-0000-000000000002","duration_us":1234,'
        '"error":"with \\"quotes\\", \\\\ \\u0001 \x7f and ü","excerpt_sha256":"'
        + hashlib.sha256(b"x").hexdigest()
        + '",'
        '"link":2,"started_at":"2025-04-04T09:30:00.123458Z","status":500,'
        '"subscription_id":"00000000-0000-0000-0000-000000000007","url":"https://example.org/hook","v":1}'
    )


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(st.none() | st.integers(100, 599), st.none() | text, st.none() | text, text), max_size=5))
def test_what_the_service_writes_the_verifier_finds_sound(said: list[tuple[Any, ...]]) -> None:
    rows = [Row(number, *each) for number, each in enumerate(said, start=1)]
    report = verify(export(*rows, signed=(1, 3)))
    assert report.faults == []
    assert (report.attempts, report.bodies, report.links) == (len(rows), len(rows), len(rows))
    assert report.key_ids == [key_id(PUBLIC)]


def _changed(value: Any, choice: st.DataObject) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + choice.draw(st.sampled_from([-1, 1, 1000]))
        case None:
            return choice.draw(st.sampled_from(["", 0]))
        case str():
            place = choice.draw(st.integers(0, len(value)))
            others = [value[:place] + "0" + value[place:], value[:place], None]
            return choice.draw(st.sampled_from([other for other in others if other != value]))
        case dict():
            name = choice.draw(st.sampled_from(sorted(value)))
            return value | {name: _changed(value[name], choice)}
    raise AssertionError(value)


@given(st.data())
def test_any_change_of_any_value_of_any_line_is_seen(choice: st.DataObject) -> None:
    number = choice.draw(st.integers(0, len(LINES) - 1))
    said = json.loads(LINES[number])
    changed = json.dumps(_changed(said, choice)).encode()
    lines = [*LINES[:number], changed, *LINES[number + 1 :]]
    # A body may be left out; what is there must be what was sent.
    if json.loads(changed) == said or json.loads(changed) == said | {"body": None}:
        return
    assert not verify(lines).is_sound, f"line {number + 1}: {changed!r}"


@given(st.data())
def test_lines_that_are_dropped_moved_doubled_or_cut_are_seen(choice: st.DataObject) -> None:
    places = st.integers(0, len(LINES) - 1)
    one, other = choice.draw(places), choice.draw(places)
    what = choice.draw(st.sampled_from(["drop", "swap", "double", "cut"]))
    lines = list(LINES)
    if what == "drop":
        # A checkpoint in between only bears witness to what the closing one says too.
        if json.loads(lines[one])["type"] == "checkpoint" and one != len(lines) - 1:
            return
        del lines[one]
    elif what == "swap":
        lines[one], lines[other] = lines[other], lines[one]
    elif what == "double":
        # As above: it says the same twice.
        if json.loads(lines[one])["type"] == "checkpoint" and one != len(lines) - 1:
            return
        lines.insert(other, lines[one])
    else:
        del lines[one:]
    if lines != LINES:
        assert not verify(lines).is_sound, (what, one, other)


def test_one_who_has_the_database_and_not_the_key_cannot_make_the_past_anew() -> None:
    forged = export(Row(1), Row(2), Row(3), Row(4), signed=(2,))
    closing = json.loads(forged[-1])
    forged[-1] = LINES[-1]
    faults = verify([*forged[:3], *forged[4:]]).faults
    assert "the checkpoint of link 4 has another hash than the chain" in faults[0]
    other = Ed25519PrivateKey.generate()
    said = closing | {"signature": base64.b64encode(other.sign(b"x")).decode()}
    assert "does not fit" in verify([*forged[:-1], json.dumps(said).encode()]).faults[-1]


def test_only_the_keys_given_count() -> None:
    assert verify(LINES, {key_id(PUBLIC): PUBLIC}).is_sound
    report = verify(LINES, {"other": bytes(32)})
    assert "which is none of those given" in report.faults[0]


def test_a_later_export_goes_on_from_an_earlier_one() -> None:
    known = verify(export(*ROWS[:2]))
    earlier = Earlier(known.subscription_id, known.links, known.hash)
    assert verify(LINES, earlier=earlier).is_sound
    assert verify(export(*ROWS, after=2), earlier=earlier).is_sound
    rewritten = export(Row(1), Row(2), *ROWS[2:])
    assert verify(rewritten).is_sound, "it was made by whoever has the key"
    assert verify(rewritten, earlier=earlier).faults == [
        "link 2 is another than in the earlier export: the past was changed"
    ]
    assert "the earlier export has 2 links, and this one ends at 1" in verify(export(Row(1)), earlier=earlier).faults
    assert verify(export(*ROWS, after=3), earlier=earlier).faults == [
        "it begins after link 3, the earlier export ends at 2"
    ]


@pytest.mark.parametrize(
    "harm, says",
    [
        (lambda lines: lines[:2] + lines[3:], "line 3: link 2 is missing before the checkpoint of link 2"),
        (lambda lines: lines[:4] + lines[6:], "line 5: links 3 to 4 are missing before the checkpoint of link 4"),
        (lambda lines: lines[:5], "it ends at line 5 without a closing checkpoint"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2: link 1 is missing before link 2"),
        (lambda lines: [*lines, lines[1]], "line 8: it comes after the closing checkpoint"),
        (lambda lines: [*lines[:2], lines[2].replace(b"500", b"200"), *lines[3:]], "link 2 does not give its hash"),
        (
            lambda lines: [*lines[:1], lines[1].replace("ä".encode(), b""), *lines[2:]],
            "the body at link 1 was changed",
        ),
        (lambda lines: [*lines[:2], lines[2].replace(b"status 500", b"fine"), *lines[3:]], "beginning at link 2"),
        (lambda lines: [*lines[:1], b"{", *lines[1:]], "line 2: it is not JSON"),
        (lambda lines: [b"", *lines[1:]], "line 1: it is not JSON"),
        (lambda lines: [lines[0], lines[1].replace(b'"v":1', b'"v":1,"who":1'), *lines[2:]], "who is nothing that"),
        (lambda lines: [lines[0], lines[1].replace(b'"v":1', b'"v":1,"v":1'), *lines[2:]], "a field stands twice"),
        (lambda lines: [*lines[:1], b"[" * 100_000, *lines[1:]], "line 2: it is nested too deeply"),
        (lambda lines: [*lines[:1], b'{"type":[]}', *lines[1:]], "line 2: it is neither chain nor"),
        (
            lambda lines: [lines[0], lines[1].replace(b'"error":null', b'"error":"\\ud800"'), *lines[2:]],
            "line 2: a text in it cannot be written in UTF-8",
        ),
        (
            lambda lines: [lines[0], lines[1].replace(b'"v":1', b'"v":1,"\\ud800\\u001b[2J":1'), *lines[2:]],
            "line 2: \\ud800\\u001b[2J is nothing that",
        ),
        (
            lambda lines: [lines[0], lines[1].replace(b'"link":1', b'"link":' + b"9" * 4300), *lines[2:]],
            "line 2: link is not what it must be",
        ),
        (lambda _: [], "it ends at line 0 without a closing checkpoint"),
    ],
)
def test_what_is_wrong_is_said_in_words(harm: Callable[[list[bytes]], list[bytes]], says: str) -> None:
    assert says in "\n".join(verify(harm(list(LINES))).faults)


@given(st.text(), st.text(), st.none() | st.text(), st.integers(min_value=1, max_value=2**60))
def test_a_link_can_be_numbered_later(url: str, error: str, excerpt: str | None, number: int) -> None:
    said = replace(Row(1), url=url, error=f'"link":7,{error}', response_excerpt=excerpt)
    before, after = around_number(link_of(said, 0))
    assert before + str(number).encode() + after == canonical(link_of(said, number))


def test_a_line_is_read_up_to_a_bound_and_the_next_one_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "LONGEST_LINE", 1000)
    file = BytesIO(
        b"\n".join([LINES[0].strip(), b'{"type":"' + b"x" * 2500 + b'"}', *(line.strip() for line in LINES[1:])])
    )
    lines = list(lines_of(file))
    assert [len(line) for line in lines[1:2]] == [1001]
    assert verify(lines).faults == ["line 2: it is longer than 1000 bytes"]


@given(st.lists(st.binary(max_size=40), max_size=3), st.integers(0, len(LINES)))
def test_nothing_that_stands_in_a_file_ends_the_verifier(hostile: list[bytes], place: int) -> None:
    assert verify([*LINES[:place], *hostile, *LINES[place:]]).is_sound == (not hostile)
