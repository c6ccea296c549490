"""A certificate is believed from the proxies that are named alone, and stands for whom a file says."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.main import front
from services.ingest.settings import IngestSettings
from shared.identity.certificates import (
    BadCertificateError,
    Certificates,
    read_clients,
    read_header,
    read_networks,
)
from shared.settings import WrongSettingError
from tests.support.certificates import certificate, header, shown, unsound, write_clients

STRUCTURED = {"content-type": "application/cloudevents+json"}


async def status(folder: Path, peer: str, headers: dict[str, str], path: str = "/v1/events") -> int:
    settings = IngestSettings(auth_clients_file=write_clients(folder), auth_proxies="10.0.0.0/8 2001:db8::/32")
    transport = httpx.ASGITransport(front(settings), client=(peer, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        return (await client.post(path, content=b"{", headers=STRUCTURED | headers)).status_code


@pytest.mark.parametrize(
    "peer,expected",
    [
        ("10.1.2.3", 400),
        ("::ffff:10.1.2.3", 400),
        ("2001:db8::1", 400),
        ("11.0.0.1", 401),
        ("127.0.0.1", 401),
        ("2001:db9::1", 401),
        ("no address", 401),
    ],
)
async def test_only_named_proxies_are_believed(tmp_path: Path, peer: str, expected: int) -> None:
    assert await status(tmp_path, peer, shown("everything")) == expected


@pytest.mark.parametrize("path", ["/v1/events", "/v1/licence-usage"])
async def test_an_address_that_headers_tell_makes_no_proxy_of_anybody(tmp_path: Path, path: str) -> None:
    headers = {**shown("everything"), "x-forwarded-for": "10.1.2.3"}
    assert await status(tmp_path, "127.0.0.1", headers, path) == 401


async def test_without_a_certificate_nobody_is_let_in(tmp_path: Path) -> None:
    assert await status(tmp_path, "10.1.2.3", {}) == 401
    assert await status(tmp_path, "10.1.2.3", {"authorization": "Bearer x"}) == 401


@pytest.mark.parametrize("fault", unsound())
async def test_what_is_wrong_with_a_certificate_is_told(tmp_path: Path, fault: str) -> None:
    certificates = Certificates(write_clients(tmp_path), read_networks("10.0.0.0/8"))
    with pytest.raises(BadCertificateError):
        await certificates.caller([value.encode() for value in unsound()[fault]], "10.0.0.1")


def test_a_certificate_says_whose_it_is() -> None:
    identity = read_header(header(certificate("plant-1")).encode())
    assert identity.subject == "CN=plant-1,O=Acme"
    assert identity.names == {"dns:plant-1.acme.example", "uri:spiffe://acme.example/plant-1"}


async def test_all_marks_that_are_given_must_fit(tmp_path: Path) -> None:
    print_ = read_header(header(certificate("plant-1")).encode()).fingerprint
    for marks, is_known in (
        ({"sha256": print_}, True),
        ({"sha256": print_, "subject": "CN=plant-1,O=Acme"}, True),
        ({"sha256": print_, "subject": "CN=plant-2,O=Acme"}, False),
        ({"sha256": "0" * 64}, False),
        ({"san": "dns:PLANT-1.acme.example"}, False),
    ):
        file = tmp_path / "clients.json"
        file.write_text(json.dumps({"clients": [{"name": "x", "scopes": [], **marks}]}))
        certificates = Certificates(file, read_networks("10.0.0.0/8"))
        try:
            caller = await certificates.caller([header(certificate("plant-1")).encode()], "10.0.0.1")
        except BadCertificateError:
            assert not is_known, marks
        else:
            assert (is_known, caller.subject) == (True, "x"), marks


@pytest.mark.parametrize(
    "entry,reason",
    [
        ({"name": "x", "scopes": []}, "none of subject, san and sha256"),
        ({"name": "x", "scopes": ["events:wirte"], "san": "dns:x"}, "events:wirte"),
        ({"name": "x", "scopes": [], "cn": "x"}, "cn"),
        ({"name": "x", "scopes": [], "sha256": "AB"}, "sha256"),
    ],
)
def test_a_file_that_would_let_in_somebody_else_is_refused(entry: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_clients(json.dumps({"clients": [entry]}).encode())


def test_without_a_proxy_no_certificate_could_be_told(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="LANEWATCH_AUTH_PROXIES"):
        front(IngestSettings(auth_clients_file=write_clients(tmp_path)))
