"""The file of senders is read exactly, and no fault of it tells what stands in a secret."""

import base64
import json
from typing import Any

import pytest

from services.ingest.domain.senders import read_senders

SECRET = base64.b64encode(b"s" * 32).decode()


def entry(**over: Any) -> dict[str, Any]:
    return {"name": "carrier-a", "source": "/carriers/a", "scheme": "dcsa", "secrets": [SECRET], **over}


def file_of(*entries: object) -> bytes:
    return json.dumps({"senders": entries}).encode()


def test_a_sender_is_what_the_file_says() -> None:
    hook = entry(name="erp", scheme="standard-webhooks", secrets=[f"whsec_{SECRET}"] * 2, tenant="acme")
    found = read_senders(file_of(entry(), hook, entry(name="v3", format="dcsa-3.0")))
    assert [(each.format, each.tenant, len(each.keys)) for each in found.values()] == [
        ("dcsa-2.2", "default", 1),
        ("cloudevents", "acme", 2),
        ("dcsa-3.0", "default", 1),
    ]
    assert found["erp"].keys[0] == b"s" * 32


def test_what_is_shown_of_a_sender_holds_no_secret() -> None:
    shown = repr(read_senders(file_of(entry())))
    assert "keys" not in shown
    assert "ssss" not in shown


@pytest.mark.parametrize(
    "over",
    [
        {"secrets": ["AND-THAT-IS-SECRET"]},
        {"secrets": [base64.b64encode(b"AND-THAT-IS-SECRET").decode()]},
        {"secrets": []},
        {"secrets": [SECRET] * 3},
        {"secrets": "AND-THAT-IS-SECRET"},
        {"secrets": [{"AND-THAT-IS-SECRET": 1}]},
        {"scheme": "standard-webhooks"},
        {"scheme": "plain"},
        {"format": "csv"},
        {"name": "a/b"},
        {"name": ""},
        {"source": ""},
        {"tenant": ""},
        {"secret": SECRET},
    ],
)
def test_a_fault_is_told_without_the_secret(over: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        read_senders(file_of(entry(**over)))
    assert "SECRET" not in str(told.value)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", file_of(entry(), entry())])
def test_what_is_no_such_file_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_senders(text)
