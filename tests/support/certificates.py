"""Client certificates for tests, as a proxy tells of them, and a file of whom they stand for."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from shared.identity.access import SCOPES

EDI_PARTY = bytes.fromhex("3006a504a1020c00")
"""A general name of the kind ediPartyName (RFC 5280, section 4.2.1.6)."""
KEY = Ed25519PrivateKey.generate()
CLIENTS = [
    {"name": "reader", "subject": "CN=reader,O=Acme", "scopes": ["lanes:read"]},
    {"name": "everything", "san": "uri:spiffe://acme.example/everything", "scopes": list(SCOPES)},
    {"name": "plant-1", "san": "dns:plant-1.acme.example", "scopes": ["events:write"], "sources": ["/plant-1/"]},
]


@cache
def certificate(name: str, begins_s: int = -60, ends_s: int = 3600, names_der: bytes = b"") -> bytes:
    """Return a certificate (DER) of a client; its times are in seconds from now, its other names as given, if so."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    names = [x509.DNSName(f"{name}.acme.example"), x509.UniformResourceIdentifier(f"spiffe://acme.example/{name}")]
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(seconds=begins_s))
    builder = builder.not_valid_after(now + timedelta(seconds=ends_s))
    other = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names_der)
    builder = builder.add_extension(other if names_der else x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


def header(der: bytes) -> str:
    """Return the value of the header (RFC 9440, section 2.2)."""
    return f":{base64.b64encode(der).decode()}:"


def shown(name: str) -> dict[str, str]:
    """Return the header that a proxy adds for a client."""
    return {"client-cert": header(certificate(name))}


def unsound() -> dict[str, list[str]]:
    """Return headers that let nobody in, by what is wrong with each."""
    good = header(certificate("everything"))
    return {
        "of nobody": [header(certificate("stranger"))],
        "expired": [header(certificate("everything", -7200, -3600))],
        "of the future": [header(certificate("everything", 3600, 7200))],
        "twice": [good, good],
        "two in one": [f"{good}, {good}"],
        "with a name of a kind that is not read": [header(certificate("everything", names_der=EDI_PARTY))],
        "without colons": [good.strip(":")],
        "empty": [""],
        "one colon": [":"],
        "not base64": [":***:"],
        "no certificate": [header(b"certificate")],
        "cut": [header(certificate("everything")[:-40])],
        "too large": [header(b"x" * 13_000)],
    }


def write_clients(folder: Path) -> Path:
    """Write the file of clients."""
    file = folder / "clients.json"
    file.write_text(json.dumps({"clients": CLIENTS}))
    return file
