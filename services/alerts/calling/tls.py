"""Trust in endpoints: TLS 1.2 or newer, the system's certificate authorities or certifi's, and one's own."""

import ssl
from pathlib import Path

import certifi


def make_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the rules by which an endpoint's certificate and name are checked.

    `ca_file` holds certificates, in PEM, of authorities that are trusted besides the public ones. Raises
    OSError when it cannot be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not any(Path(place).exists() for place in ssl.get_default_verify_paths()[:2] if place):
        context.load_verify_locations(certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def describe(error: ssl.SSLError) -> str:
    """Return in plain words why a connection is not trusted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    return f"no TLS connection: {(error.reason or str(error)).replace('_', ' ').lower()}"
