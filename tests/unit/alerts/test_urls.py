"""One spelling for each URL, and a reason for each that is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.addresses import network
from services.alerts.domain.urls import Reach, read_url

SPELLINGS = [
    ("HTTPS://Example.ORG/Hook?A=1", "https://example.org/Hook?A=1"),
    ("https://example.org", "https://example.org/"),
    ("https://example.org.:443/", "https://example.org/"),
    ("http://example.org:80?x", "http://example.org/?x"),
    ("http://example.org:8080/", "http://example.org:8080/"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://ex\u3002ample\u3002org/", "https://ex.ample.org/"),
    ("http://[2606:4700:0:0::1]:8080/", "http://[2606:4700::1]:8080/"),
    ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
    ("http://127.0.0.1./", "http://127.0.0.1/"),
    ("http://a_b.example/", "http://a_b.example/"),
]
HOSTILE = [
    ("http://2130706433/", "four decimal numbers"),
    ("http://017700000001/", "four decimal numbers"),
    ("http://0x7f000001/", "four decimal numbers"),
    ("http://0x7f.0.0.1/", "four decimal numbers"),
    ("http://0177.0.0.1/", "four decimal numbers"),
    ("http://127.0.0.01/", "four decimal numbers"),
    ("http://127.1/", "four decimal numbers"),
    ("http://127.0.1/", "four decimal numbers"),
    ("http://0/", "four decimal numbers"),
    ("http://example.0x/", "four decimal numbers"),
    ("http://\uff11\uff12\uff17.\uff11/", "four decimal numbers"),
    ("http://256.0.0.1/", "valid IP address"),
    ("http://[::1/", "host"),
    ("http://[::1%25lo]/", "zone"),
    ("http://[fe80::1%eth0]/", "zone"),
    ("http://[127.0.0.1]/", "host|address"),
    ("http://[v1.fe80::a]/", "valid IP address"),
    ("http://::1/", "host"),
    ("http://user@example.org/", "user or password"),
    ("http://example.org@127.0.0.1/", "user or password"),
    ("http://example.org:pw@127.0.0.1/", "user or password"),
    ("http://example.org\\@127.0.0.1/", "backslashes"),
    ("http:\\\\127.0.0.1\\", "backslashes"),
    ("http://127.0.0.1\t/", "control characters"),
    ("http://exam\nple.org/", "control characters"),
    ("http://example.org/\r\nX: y", "control characters"),
    ("http://example.org/\x00", "control characters"),
    (" http://example.org/", "blanks"),
    ("http://example.org/#@127.0.0.1/", "fragment"),
    ("http://%31%32%37.0.0.1/", "escapes"),
    ("http://127%2e0.0.1/", "escapes"),
    ("http://example..org/", "as DNS knows it"),
    ("http://.example.org/", "as DNS knows it"),
    ("http://example.org../", "as DNS knows it"),
    ("http://-example.org/", "as DNS knows it"),
    (f"http://{'a' * 64}.org/", "as DNS knows it"),
    (f"http://{'a.' * 127}org/", "as DNS knows it"),
    ("http://exa+mple.org/", "as DNS knows it"),
    ("http://loc\u200balhost\u2044/", "international name"),
    ("http://example.org:0/", "port 0"),
    ("http://example.org:22/", "port 22"),
    ("http://example.org:65536/", "port 65536"),
    ("http://example.org:99999999/", "port"),
    ("http://example.org:/", "port"),
    ("http://example.org:+80/", "port"),
    ("http://example.org:8 0/", "blanks"),
    ("http://example.org:80:80/", "port"),
    ("http:///hook", "host"),
    ("http:/example.org", "host"),
    ("//example.org/", "http or https"),
    ("ftp://example.org/", "http or https"),
    ("gopher://127.0.0.1:70/_", "http or https"),
    ("file:///etc/passwd", "http or https"),
    ("javascript:alert(1)", "http or https"),
    ("unix:///var/run/docker.sock", "http or https"),
    ("http://example.org/ü", "percent-encoded"),
    ("", "http or https"),
]


@pytest.mark.parametrize("text,one", SPELLINGS)
def test_a_url_has_one_spelling(text: str, one: str) -> None:
    assert read_url(text).url == one
    assert read_url(one).url == one


@pytest.mark.parametrize("text,why", HOSTILE)
def test_what_could_be_read_in_two_ways_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_url(text)


@given(st.text(max_size=40), st.sampled_from(["http://", "https://", "HTTP://", "http:/", ""]))
def test_any_text_is_read_as_itself_or_refused(text: str, scheme: str) -> None:
    try:
        target = read_url(scheme + text)
    except ValueError:
        return
    assert read_url(target.url) == target
    assert target.url.isascii()


@pytest.mark.parametrize(
    "url,reach,why",
    [
        ("http://127.0.0.1/", Reach(), "loopback"),
        ("http://127.0.0.1/", Reach((network("127.0.0.1"),)), None),
        ("http://localhost/", Reach(), "this machine"),
        ("http://app.LOCALHOST./", Reach(), "this machine"),
        ("http://localhost/", Reach((network("127.0.0.0/8"),)), None),
        ("http://example.org/", Reach(), None),
        ("http://example.org/", Reach(is_https_only=True), "https"),
        ("https://example.org/", Reach(is_https_only=True), None),
        ("https://example.org:8443/", Reach(ports=frozenset({443})), "ports 443"),
        ("https://example.org/", Reach(ports=frozenset({443})), None),
        ("http://[::ffff:a00:1]/", Reach(), "stands for 10.0.0.1"),
    ],
)
def test_what_is_plain_from_a_url_alone(url: str, reach: Reach, why: str | None) -> None:
    said = reach.refusal_of(read_url(url))
    assert said is None if why is None else why in (said or "")
