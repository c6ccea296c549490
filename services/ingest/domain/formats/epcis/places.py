"""Locations and shipments as GS1 numbers them, written as EPC URNs or as GS1 Digital Links.

Sources: GS1 EPC Tag Data Standard (SGLN, GSIN), GS1 Digital Link URI Syntax (keys 402, 414),
GS1 General Specifications, section 7.9 (check digit).
"""

import re

_SGLN = re.compile(r"urn:epc:id:sgln:(\d{1,12})\.(\d{0,11})\.", re.ASCII)
_GLN_LINK = re.compile(r"https?://[^?#]*/414/(\d{13})(?=[/?#]|$)", re.ASCII)
_GSIN = re.compile(r"urn:epc:id:gsin:(\d{1,15})\.(\d{1,15})", re.ASCII)
_GSIN_LINK = re.compile(r"https?://[^?#]*/402/(\d{17})(?=[/?#]|$)", re.ASCII)
_GLN_DIGITS, _GSIN_DIGITS = 12, 16


def site(uri: str) -> str:
    """Return the site that a location belongs to: its GLN, whatever part of it is meant; any other URI as it is."""
    if (found := _SGLN.match(uri)) and len(found[1] + found[2]) == _GLN_DIGITS:
        return _checked(found[1] + found[2])
    return found[1] if (found := _GLN_LINK.match(uri)) else uri


def shipment_number(uri: str) -> str | None:
    """Return the Global Shipment Identification Number of 17 digits, if the URI is one."""
    if (found := _GSIN.fullmatch(uri)) and len(found[1] + found[2]) == _GSIN_DIGITS:
        return _checked(found[1] + found[2])
    return found[1] if (found := _GSIN_LINK.match(uri)) else None


def _checked(digits: str) -> str:
    """Return a number with its check digit: weights 3, 1, 3 … from the right, up to the next ten."""
    total = sum(int(digit) * (1 if index % 2 else 3) for index, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"
