"""Which IP addresses may be delivered to: those that the public internet routes to somebody else's machine.

The tables are the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its successors), with
what clouds serve their secrets from. Addresses that carry another one inside are judged by that one as well.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The first that holds the address says why; so the narrower come before the wider.
_SPECIAL: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "a cloud's metadata service"),
    ("169.254.170.2/32", "a cloud's metadata service"),
    ("169.254.170.23/32", "a cloud's metadata service"),
    ("100.100.100.200/32", "a cloud's metadata service"),
    ("168.63.129.16/32", "a cloud's metadata service"),
    ("192.0.0.192/32", "a cloud's metadata service"),
    ("fd00:ec2::/32", "a cloud's metadata service"),
    ("fd20:ce::254/128", "a cloud's metadata service"),
    ("0.0.0.0/32", "an unspecified address"),
    ("0.0.0.0/8", "an address of this network (RFC 791)"),
    ("10.0.0.0/8", "a private address (RFC 1918)"),
    ("100.64.0.0/10", "a shared address (RFC 6598)"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address (RFC 1918)"),
    ("192.0.0.0/24", "an address for protocols (RFC 6890)"),
    ("192.0.2.0/24", "an address for documentation (RFC 5737)"),
    ("192.31.196.0/24", "an address for protocols (RFC 7535)"),
    ("192.52.193.0/24", "an address for protocols (RFC 7450)"),
    ("192.88.99.0/24", "a relay's address (RFC 7526)"),
    ("192.168.0.0/16", "a private address (RFC 1918)"),
    ("192.175.48.0/24", "an address for protocols (RFC 7534)"),
    ("198.18.0.0/15", "an address for benchmarks (RFC 2544)"),
    ("198.51.100.0/24", "an address for documentation (RFC 5737)"),
    ("203.0.113.0/24", "an address for documentation (RFC 5737)"),
    ("224.0.0.0/4", "a multicast address"),
    ("255.255.255.255/32", "a broadcast address"),
    ("240.0.0.0/4", "a reserved address (RFC 1112)"),
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("64:ff9b:1::/48", "an address for translation inside a network (RFC 8215)"),
    ("100::/64", "an address that discards (RFC 6666)"),
    ("2001:2::/48", "an address for benchmarks (RFC 5180)"),
    ("2001:db8::/32", "an address for documentation (RFC 3849)"),
    ("3fff::/20", "an address for documentation (RFC 9637)"),
    ("2620:4f:8000::/48", "an address for protocols (RFC 7534)"),
    ("5f00::/16", "an address for segment routing (RFC 9602)"),
    ("fc00::/7", "a private address (RFC 4193)"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address (RFC 3879)"),
    ("ff00::/8", "a multicast address"),
)


def network(text: str) -> Network:
    """Return a network in CIDR form, or of one address. Raises ValueError."""
    return IPv6Network(text) if ":" in text else IPv4Network(text)


SPECIAL: tuple[tuple[Network, str], ...] = tuple((network(text), what) for text, what in _SPECIAL)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_PROTOCOLS = IPv6Network("2001::/23")
_TRANSLATED = IPv6Network("64:ff9b::/96")


def address(text: str) -> Address:
    """Return an address in its usual spelling, without a zone. Raises ValueError."""
    if "%" in text:
        raise ValueError("names a zone, which has a meaning on one machine only")
    return IPv6Address(text) if ":" in text else IPv4Address(text)


def refusal(of: Address, allowed: Iterable[Network] = ()) -> str | None:
    """Return why an address may not be delivered to, as `10.1.2.3 is a private address`; None when it may.

    What lies in an allowed network may, whatever it is.
    """
    allowed = tuple(allowed)
    if _is_in(of, allowed):
        return None
    inner = list(embedded(of)) if isinstance(of, IPv6Address) else []
    for each in inner:
        if (what := _special(each)) and not _is_in(each, allowed):
            return f"{of} stands for {each}, {what}"
    # One that only wraps another is as good as what it wraps, and so is what an allowed one is wrapped in.
    what = _special(of, is_wrapper=bool(inner))
    return f"{of} is {what}" if what else None


def _is_in(of: Address, networks: Iterable[Network]) -> bool:
    return any(of in each for each in networks)


def _special(of: Address, *, is_wrapper: bool = False) -> str | None:
    for each, what in SPECIAL:
        if of in each:
            return what
    if isinstance(of, IPv4Address) or is_wrapper:
        return None
    if of in _PROTOCOLS:
        return "an address for protocols (RFC 2928)"
    return None if of in _GLOBAL_UNICAST else "an address outside what the internet routes"


def embedded(of: IPv6Address) -> Iterator[IPv4Address]:
    """Return the IPv4 addresses that packets to this one may end at or are sent through.

    Mapped (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380: its server and its client), NAT64 (RFC 6052).
    """
    if of.ipv4_mapped is not None:
        yield of.ipv4_mapped
    elif of.sixtofour is not None:
        yield of.sixtofour
    elif of.teredo is not None:
        yield from of.teredo
    elif of in _TRANSLATED:
        yield IPv4Address(int(of) & 0xFFFFFFFF)
