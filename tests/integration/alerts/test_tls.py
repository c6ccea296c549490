"""Whom an endpoint must prove to be: certificates, names and versions of TLS, against real servers."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from services.alerts.calling import tls
from tests.integration.alerts.calls import OUTSIDE, Peer, listening, post, poster
from tests.integration.alerts.names import Names

NAME = "receiver.test"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    async with Names() as started:
        started.say(NAME, (OUTSIDE,))
        yield started


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def error_of(names: Names, server: ssl.SSLContext, ca_file: Path | None, host: str = NAME) -> tuple[str, Peer]:
    """Post to a server and return what went wrong."""
    async with (
        listening(OUTSIDE, ssl=server) as peer,
        poster(names, context=tls.make_context(ca_file)) as by,
    ):
        response = await post(by, f"https://{host}:{peer.port}/")
        assert (response.answer.status == 204) is (response.answer.error is None)
        return response.answer.error or "", peer


async def test_an_authority_of_ones_own_is_trusted_when_it_is_named(
    names: Names, authority: trustme.CA, ca_file: Path
) -> None:
    asked_for: list[str] = []
    server = server_context(authority, NAME)
    server.sni_callback = lambda _, name, __: asked_for.append(str(name))
    error, peer = await error_of(names, server, ca_file)
    assert error == ""
    assert asked_for == [NAME], "the name is asked for, though the address is called"
    assert [host for _, host in peer.requests] == [f"{NAME}:{peer.port}"]


async def test_an_address_can_have_a_certificate_too(names: Names, authority: trustme.CA, ca_file: Path) -> None:
    error, peer = await error_of(names, server_context(authority, OUTSIDE), ca_file, OUTSIDE)
    assert (error, len(peer.requests)) == ("", 1)


async def test_an_unknown_authority_is_refused(names: Names, authority: trustme.CA) -> None:
    error, peer = await error_of(names, server_context(authority, NAME), None)
    assert error == "the certificate is not accepted: unable to get local issuer certificate"
    assert not peer.requests


async def test_a_self_signed_certificate_is_refused(names: Names, authority: trustme.CA, ca_file: Path) -> None:
    other = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.configure_trust(server)
    files = ca_file.with_name("own.pem")
    other.cert_pem.write_to_path(files)
    other.private_key_pem.write_to_path(files, append=True)
    server.load_cert_chain(files)
    error, peer = await error_of(names, server, ca_file)
    assert error == "the certificate is not accepted: self-signed certificate"
    assert not peer.requests


async def test_a_certificate_of_another_name_is_refused(names: Names, authority: trustme.CA, ca_file: Path) -> None:
    error, peer = await error_of(names, server_context(authority, "other.test"), ca_file)
    assert error.startswith("the certificate is not accepted: Hostname mismatch")
    assert not peer.requests


async def test_an_expired_certificate_is_refused(names: Names, authority: trustme.CA, ca_file: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, not_after=datetime(2001, 1, 1, tzinfo=UTC)).configure_cert(server)
    error, _ = await error_of(names, server, ca_file)
    assert error == "the certificate is not accepted: certificate has expired"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
async def test_old_versions_of_tls_are_refused(names: Names, authority: trustme.CA, ca_file: Path) -> None:
    server = server_context(authority, NAME)
    server.minimum_version = ssl.TLSVersion.TLSv1
    server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    error, peer = await error_of(names, server, ca_file)
    assert error.startswith(("no TLS connection: ", "no connection to "))
    assert not peer.requests


def test_certificates_and_names_are_always_checked() -> None:
    context = tls.make_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
