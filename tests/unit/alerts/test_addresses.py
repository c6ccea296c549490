"""Which addresses may be delivered to, held to the registries of special-purpose addresses."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.addresses import SPECIAL, Network, address, embedded, network, refusal

FORBIDDEN = {
    "unspecified": ["0.0.0.0", "::"],  # noqa: S104 - nothing is bound
    "this network": ["0.1.2.3"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"],
    "shared": ["100.64.0.1", "100.127.255.254"],
    "loopback": ["127.0.0.1", "127.255.255.255", "::1"],
    "link-local": ["169.254.0.1", "fe80::1", "febf::1"],
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    ],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "protocols": ["192.0.0.8", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2001:1::1", "2620:4f:8000::1"],
    "relay": ["192.88.99.1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": ["240.0.0.1"],
    "broadcast": ["255.255.255.255"],
    "site-local": ["fec0::1"],
    "discards": ["100::1"],
    "segment routing": ["5f00::1"],
    "translation": ["64:ff9b:1::8.8.8.8"],
    "outside what the internet routes": ["::8.8.8.8", "::127.0.0.1", "4000::1", "100:0:0:1::1"],
    "stands for 127.0.0.1, a loopback": ["::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::127.0.0.1"],
    "stands for 169.254.169.254, a cloud's metadata": ["::ffff:a9fe:a9fe", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe"],
    "stands for 10.0.0.1, a private": ["2001:0:a00:1::f7f7:f7f7", "2001:0:808:808::f5ff:fffe"],
}
ALLOWED = [
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:4700::1",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("text,what", [(text, what) for what, texts in FORBIDDEN.items() for text in texts])
def test_a_special_address_is_refused_with_its_kind(text: str, what: str) -> None:
    why = refusal(address(text))
    assert why is not None
    assert what in why


@pytest.mark.parametrize("text", ALLOWED)
def test_what_the_internet_routes_is_taken(text: str) -> None:
    assert refusal(address(text)) is None


@pytest.mark.parametrize("each", [each for each, _ in SPECIAL], ids=str)
def test_each_special_network_is_refused_from_its_first_address_to_its_last(each: Network) -> None:
    assert refusal(each[0]) is not None
    assert refusal(each[-1]) is not None


@pytest.mark.parametrize(
    "of,is_allowed",
    [("10.2.3.4", True), ("10.3.0.1", False), ("::ffff:10.2.3.4", True), ("fd12::9", True), ("fd13::9", False)],
)
def test_an_allowed_network_opens_itself_and_no_other(of: str, is_allowed: bool) -> None:
    assert (refusal(address(of), [network("10.2.0.0/16"), network("fd12::/64")]) is None) is is_allowed


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_wrapped(inner: IPv4Address) -> None:
    number = int(inner)
    wrapped = [0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number]
    for each in map(IPv6Address, wrapped):
        assert list(embedded(each)) == [inner]
        assert (refusal(each) is None) is (refusal(inner) is None)


@given(st.ip_addresses(v=6))
def test_what_the_standard_library_calls_private_is_refused(of: IPv6Address) -> None:
    if not of.is_global and of.ipv4_mapped is None and of.teredo is None:
        assert refusal(of) is not None


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_refused_in_ipv4(of: IPv4Address) -> None:
    assert of.is_global or refusal(of) is not None


def test_a_zone_is_no_part_of_an_address() -> None:
    with pytest.raises(ValueError, match="zone"):
        address("fe80::1%eth0")
