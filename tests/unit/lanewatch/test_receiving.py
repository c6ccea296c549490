"""What a receiver believes, and what it says of the course of webhooks."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanewatch.receiving import Checks, Course, Refused, key_of, secret_of
from services.alerts.domain.signing import Signer, Until, public_text, secret_from

OLD, NEW = b"o" * 32, b"n" * 32
KEY = Ed25519PrivateKey.generate()
PUBLIC = public_text(KEY.public_key().public_bytes_raw())
BODY = b'{"type":"t"}'


def headers(signer: Signer, body: bytes = BODY) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": "id-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.header("id-1", now, body),
    }


def test_during_a_rotation_either_secret_is_enough() -> None:
    old, new = secret_of(secret_from(OLD)), secret_of(secret_from(NEW))
    both = headers(Signer((Until(NEW), Until(OLD))))
    assert Checks((old,)).check(BODY, both) == ["the secret"]
    assert Checks((old, new)).check(BODY, headers(Signer((Until(NEW),)))) == ["secret 2"]
    with pytest.raises(Refused):
        Checks((old,)).check(BODY, headers(Signer((Until(NEW),))))


def test_each_kind_that_is_known_must_fit() -> None:
    checks = Checks((secret_of(secret_from(OLD)),), (key_of(PUBLIC),))
    assert checks.check(BODY, headers(Signer((Until(OLD),), (Until(KEY),)))) == ["the secret", "the key"]
    with pytest.raises(Refused, match="has no ed25519 signature"):
        checks.check(BODY, headers(Signer((Until(OLD),))))
    with pytest.raises(Refused):
        checks.check(BODY, headers(Signer((), (Until(KEY),))))
    assert Checks().check(BODY, {}) == []


def test_what_was_changed_or_is_old_is_refused() -> None:
    checks, said = Checks((), (key_of(PUBLIC),)), headers(Signer((), (Until(KEY),)))
    with pytest.raises(Refused, match="no ed25519 signature fits"):
        checks.check(BODY + b" ", said)
    with pytest.raises(Refused, match="too far from now"):
        checks.check(BODY, said, now_s=int(said["webhook-timestamp"]) + 301)
    with pytest.raises(Refused, match="timestamp"):
        checks.check(BODY, said | {"webhook-timestamp": "soon"})


@pytest.mark.parametrize("text", ["", "whpk_", "whsec_" + "a" * 44, "whpk_" + base64.b64encode(b"short").decode()])
def test_what_is_no_key_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError):
        key_of(text)


def test_doubles_and_gaps_are_told() -> None:
    course = Course()

    def came(number: int, path: str = "/a") -> list[str]:
        return course.note(path, {"webhook-id": f"{path}{number}", "lanewatch-sequence": str(number)})

    assert came(41) == [], "where the count stands is not known before the first"
    assert came(42) == []
    assert came(42) == ["came before: the same webhook-id"]
    assert came(46) == ["not here yet: 43, 44, 45"]
    assert came(7, "/b") == [], "each path counts for itself"
    assert came(44) == ["number 44 has come late; still missing: 43, 45"]
    assert came(43) == ["number 43 has come late; still missing: 45"]
    assert came(45) == ["number 45 has come late"]
    assert came(60)[0].endswith("51 and 8 more")
